#include "tideover/net/reactor.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <system_error>

namespace tideover::net {

event_source::~event_source() { assert(!waiters_); }

void event_source::raise(reactor& loop, unsigned flags) {
  state_ |= flags;
  for (link* l = waiters_; l;) {
    link* const next = l->next;
    if (l->mask & state_) {
      // Unlinks every link of that operation; a second link of it on this very source would invalidate `next`,
      // so nobody waits twice on one source (asserted where waits begin).
      loop.make_ready(*l->operation, woken::ready);
    }
    l = next;
  }
}

wait_operation::wait_operation(reactor& loop, time_point deadline, wait_for a, wait_for b, wait_for c, wait_for d)
    : loop_(loop), deadline_(deadline) {
  for (const auto& s : {a, b, c, d}) {
    if (!s.source) continue;
    for (std::size_t i = 0; i < count_; ++i) assert(links_[i].source != s.source);
    links_[count_].source = s.source;
    links_[count_].mask = s.mask;
    links_[count_].operation = this;
    ++count_;
  }
}

wait_operation::~wait_operation() {
  if (place_ == place::pending) unlink();
  if (place_ != place::nowhere) loop_.remove(*this);
}

bool wait_operation::await_ready() {
  if (loop_.stopping_) {
    result_ = woken::cancelled;
    return true;
  }
  for (std::size_t i = 0; i < count_; ++i)
    if (links_[i].source->state_ & links_[i].mask) return true;
  return false;
}

void wait_operation::await_suspend(std::coroutine_handle<> waiting) {
  waiting_ = waiting;
  for (std::size_t i = 0; i < count_; ++i) {
    auto& l = links_[i];
    l.previous = nullptr;
    l.next = l.source->waiters_;
    if (l.next) l.next->previous = &l;
    l.source->waiters_ = &l;
  }
  loop_.link_pending(*this);
}

void wait_operation::unlink() {
  for (std::size_t i = 0; i < count_; ++i) {
    auto& l = links_[i];
    if (l.previous)
      l.previous->next = l.next;
    else
      l.source->waiters_ = l.next;
    if (l.next) l.next->previous = l.previous;
  }
}

reactor::reactor() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
}

reactor::~reactor() { ::close(epoll_); }

void reactor::add(int fd, event_source& source) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &source;
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0)
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
}

std::size_t reactor::poll(std::chrono::milliseconds patience) {
  std::array<epoll_event, 256> events;
  int const n =
      ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), static_cast<int>(patience.count()));
  if (n <= 0) return 0;
  // First all flags, then all resumptions: a resumed coroutine may destroy a source that a later event names.
  for (int i = 0; i < n; ++i) {
    auto const& e = events[static_cast<std::size_t>(i)];
    unsigned flags = 0;
    if (e.events & EPOLLIN) flags |= readable;
    if (e.events & EPOLLOUT) flags |= writable;
    if (e.events & EPOLLRDHUP) flags |= hangup | readable;
    if (e.events & (EPOLLHUP | EPOLLERR)) flags |= hangup | readable | writable;
    static_cast<event_source*>(e.data.ptr)->raise(*this, flags);
  }
  run_ready();
  return static_cast<std::size_t>(n);
}

void reactor::run_ready() {
  if (running_) return;  // whoever runs gets to it
  running_ = true;
  while (auto* const operation = ready_first_) {
    remove(*operation);
    operation->waiting_.resume();
  }
  running_ = false;
}

void reactor::sweep(time_point now) {
  for (auto* operation = pending_; operation;) {
    auto* const next = operation->next_;
    if (operation->deadline_ <= now) make_ready(*operation, woken::timed_out);
    operation = next;
  }
  run_ready();
}

void reactor::cancel_everything() {
  stopping_ = true;
  while (pending_) make_ready(*pending_, woken::cancelled);
  run_ready();
}

void reactor::link_pending(wait_operation& operation) {
  operation.place_ = wait_operation::place::pending;
  operation.previous_ = nullptr;
  operation.next_ = pending_;
  if (pending_) pending_->previous_ = &operation;
  pending_ = &operation;
}

void reactor::make_ready(wait_operation& operation, woken why) {
  operation.unlink();
  remove(operation);
  operation.result_ = why;
  operation.place_ = wait_operation::place::ready;
  operation.previous_ = ready_last_;
  operation.next_ = nullptr;
  (ready_last_ ? ready_last_->next_ : ready_first_) = &operation;
  ready_last_ = &operation;
}

void reactor::remove(wait_operation& operation) {
  bool const pending = operation.place_ == wait_operation::place::pending;
  if (operation.previous_)
    operation.previous_->next_ = operation.next_;
  else
    (pending ? pending_ : ready_first_) = operation.next_;
  if (operation.next_)
    operation.next_->previous_ = operation.previous_;
  else if (!pending)
    ready_last_ = operation.previous_;
  operation.place_ = wait_operation::place::nowhere;
}

}  // namespace tideover::net
