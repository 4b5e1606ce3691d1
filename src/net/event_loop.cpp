#include "tideover/net/event_loop.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace tideover::net {

bool mailbox::post(std::function<void()> work) {
  std::lock_guard const lock(mutex_);
  if (bell_ < 0) return false;
  waiting_.push_back(std::move(work));
  if (waiting_.size() == 1) {
    std::uint64_t const one = 1;
    (void)!::write(bell_, &one, sizeof one);  // can only fail when it has been rung already
  }
  return true;
}

event_loop::event_loop() : inbox_(std::make_shared<mailbox>()) {
  inbox_->bell_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (inbox_->bell_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  reactor_.add(inbox_->bell_, bell_);
}

event_loop::~event_loop() {
  std::lock_guard const lock(inbox_->mutex_);
  ::close(std::exchange(inbox_->bell_, -1));
  inbox_->waiting_.clear();
}

void event_loop::take_posted() {
  if (!bell_.is(readable)) return;
  bell_.clear(readable);
  std::vector<std::function<void()>> posted;
  {
    std::lock_guard const lock(inbox_->mutex_);
    std::uint64_t rings = 0;
    (void)!::read(inbox_->bell_, &rings, sizeof rings);
    posted.swap(inbox_->waiting_);
  }
  for (auto& work : posted) work();
  reactor_.run_ready();
}

void event_loop::turn(std::chrono::milliseconds patience) {
  reactor_.poll(patience);
  take_posted();
}

void event_loop::tick(time_point now) {
  reactor_.sweep(now);
  if (on_tick) on_tick(now);
  reactor_.run_ready();
}

void event_loop::run() {
  auto next = clock::now() + reactor::sweep_interval;
  while (!stopped_) {
    auto now = clock::now();
    if (now >= next) {
      tick(now);
      now = clock::now();
      next = now + reactor::sweep_interval;
      if (stopped_) break;
    }
    turn(std::chrono::ceil<std::chrono::milliseconds>(next - now));
  }
}

}  // namespace tideover::net
