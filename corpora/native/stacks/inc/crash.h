#pragma once

/// Waits for 8 other threads, prints the truth and crashes.
void* crash_thread(void*);
