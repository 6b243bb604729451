// libdebuginfod is loaded only here and only when asked: it brings libcurl and a dozen more libraries, and its answers
// may take long. The functions are those of elfutils 0.179 and later (debuginfod.h).
#include "postmortem/dwarf/debuginfod_client.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>

namespace inquest::dwarf {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kPatience = std::chrono::seconds(60);

struct Client;
using Progress = int (*)(Client*, long, long);

thread_local Clock::time_point deadline;

int check_deadline(Client*, long, long) { return Clock::now() > deadline ? 1 : 0; }

struct Library {
  Client* (*begin)() = nullptr;
  void (*end)(Client*) = nullptr;
  int (*find)(Client*, const unsigned char*, int, char**) = nullptr;
  void (*set_progress)(Client*, Progress) = nullptr;

  static const Library* get() {
    static const Library library = load();
    return library.begin && library.end && library.find && library.set_progress ? &library : nullptr;
  }

 private:
  static Library load() {
    Library library;
    void* handle = dlopen("libdebuginfod.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!handle) return library;
    auto bind = [handle](auto& function, const char* name) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(handle, name));
    };
    bind(library.begin, "debuginfod_begin");
    bind(library.end, "debuginfod_end");
    bind(library.find, "debuginfod_find_debuginfo");
    bind(library.set_progress, "debuginfod_set_progressfn");
    return library;
  }
};

}  // namespace

DebuginfodAnswer ask_debuginfod(const std::string& build_id) {
  const char* urls = std::getenv("DEBUGINFOD_URLS");
  if (!urls || !*urls) return {{}, "DEBUGINFOD_URLS names no server"};
  const Library* library = Library::get();
  if (!library) return {{}, "libdebuginfod is not installed (apt install libdebuginfod1)"};
  Client* client = library->begin();
  if (!client) return {{}, "libdebuginfod cannot start"};
  deadline = Clock::now() + kPatience;
  library->set_progress(client, check_deadline);
  char* path = nullptr;
  // With length 0 the build-id is a hex string.
  int descriptor = library->find(client, reinterpret_cast<const unsigned char*>(build_id.c_str()), 0, &path);
  library->end(client);
  DebuginfodAnswer answer;
  if (descriptor >= 0) {
    close(descriptor);
    answer.path = path ? path : "";
  } else if (Clock::now() > deadline) {
    answer.reason = "no answer within 60 seconds";
  } else if (descriptor == -ENOENT) {
    // What the library makes of 404, of errors of servers and of downloads that break off.
    answer.reason = "no server sent it";
  } else {
    answer.reason = std::strerror(-descriptor);
  }
  std::free(path);
  return answer;
}

}  // namespace inquest::dwarf
