// Events whose JavaScript functions are named as soon as they come, by a thread of its own: their heap is read from the
// process while it goes on, and naming native functions for the first time takes seconds.
#pragma once

#include <memory>

#include "commands/event_stacks.h"
#include "postmortem/model/probe_event.h"

namespace inquest::commands {

/// `names` is used by that thread alone from now on.
std::unique_ptr<ProbeEventSource> name_scripts_at_once(std::unique_ptr<ProbeEventSource> source,
                                                       std::shared_ptr<EventStacks> names);

}  // namespace inquest::commands
