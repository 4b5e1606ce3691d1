// Starts threads: each has a name that `ps -L`, `top -H` and /proc show, and one that cannot be made is told in a
// sentence. Not a pool: who starts a thread joins it.
#pragma once

#include <functional>
#include <string>
#include <thread>

namespace tideover {

/// `name`: at most 15 characters, all that the system keeps (pthread_setname_np(3)).
/// Throws std::runtime_error with a sentence where the system makes no further thread.
std::thread start_thread(std::string name, std::function<void()> work);

}  // namespace tideover
