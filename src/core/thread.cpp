#include "tideover/core/thread.hpp"

#include <pthread.h>

#include <stdexcept>
#include <system_error>

namespace tideover {

std::thread start_thread(std::string name, std::function<void()> work) {
  try {
    return std::thread([name, work = std::move(work)] {
      ::pthread_setname_np(::pthread_self(), name.c_str());
      work();
    });
  } catch (const std::system_error& e) {
    throw std::runtime_error("cannot start a thread (" + name + "): " + e.code().message() +
                             ". The limit of threads and processes is reached: raise it (ulimit -u; TasksMax= and "
                             "LimitNPROC= in systemd), or set fewer --workers.");
  }
}

}  // namespace tideover
