#include "support/fault_pump.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace tideover::test {

using kind = wire_fault::kind;

void pump::take_orders() {
  auto const i = static_cast<std::size_t>(where_);
  std::lock_guard const lock(told_.mutex);
  if (version_ == told_.version[i]) return;
  version_ = told_.version[i];
  fault_ = told_.faults[i];
  acted_ = stalled_ = false;
  target_.reset();
}

/// Is the place of the fault where the next byte would be written?
bool pump::reached() {
  if (!target_ && fault_.at.text.empty()) target_ = fault_.at.bytes;
  if (!target_) {
    auto const window = recent_ + pending_.substr(put_in_);
    if (auto const at = window.find(fault_.at.text); at != std::string::npos)
      target_ = passed_ - recent_.size() + at + fault_.at.text.size();
  }
  return target_ && *target_ <= passed_ && put_in_ == 0;
}

/// True: something changed, look again. False: wait.
bool pump::act(wish& wanted, last& end) {
  if (fault_.door && !fault_.door->is_open()) {
    wanted.door = fault_.door->fd();
    return false;
  }
  switch (fault_.what) {
    case kind::none:
    case kind::append: break;
    case kind::stall: stalled_ = true; return false;
    case kind::cut: end = last::in_order; return false;
    case kind::reset: end = last::with_reset; return false;
    case kind::half_close:
      ::shutdown(to_, SHUT_WR);
      done_ = true;
      return false;
    case kind::flip:
      if (pending_.empty()) return !ended_ && read(wanted, end);
      pending_[0] = static_cast<char>(pending_[0] ^ static_cast<char>(fault_.mask));
      break;
    case kind::insert:
      pending_.insert(0, fault_.text);
      put_in_ = fault_.text.size();
      break;
  }
  acted_ = true;
  return true;
}

bool pump::read(wish& wanted, last& end) {
  char buffer[65536];
  auto const n = ::recv(from_, buffer, sizeof buffer, MSG_DONTWAIT);
  if (n > 0) {
    pending_.append(buffer, static_cast<std::size_t>(n));
    return true;
  }
  if (n == 0) {
    ended_ = true;
    if (fault_.what == kind::append && !acted_) {
      acted_ = true;
      put_in_ = fault_.text.size();
      pending_ += fault_.text;
    }
    return true;
  }
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
    wanted.from = POLLIN;
    return false;
  }
  end = last::with_reset;  // the sender reset: so it is passed on
  return false;
}

bool pump::write(wish& wanted, last& end) {
  auto size = pending_.size();
  if (put_in_ != 0) size = put_in_;
  if (!acted_ && target_ && *target_ > passed_ && put_in_ == 0)
    size = static_cast<std::size_t>(std::min<std::uint64_t>(size, *target_ - passed_));
  if (fault_.piece != 0) size = std::min(size, fault_.piece);
  if (fault_.bytes_per_second != 0) {
    auto const now = steady::now();
    if (now < next_write_) {
      wanted.by = next_write_;
      return false;
    }
    auto const share = std::max<std::uint64_t>(fault_.bytes_per_second / 50, 1);
    size = static_cast<std::size_t>(std::min<std::uint64_t>(size, share));
    next_write_ = now + std::chrono::nanoseconds(1'000'000'000 * size / fault_.bytes_per_second);
  }
  auto const n = ::send(to_, pending_.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
      end = last::with_reset;
      return false;
    }
    next_write_ = {};
    wanted.to = POLLOUT;
    return false;
  }
  auto const written = static_cast<std::size_t>(n);
  ++told_.writes[static_cast<std::size_t>(where_)];
  if (put_in_ != 0) {
    put_in_ -= written;
  } else {
    passed_ += written;
    told_.passed[static_cast<std::size_t>(where_)] += written;
    if (!fault_.at.text.empty()) {
      recent_.append(pending_, 0, written);
      if (recent_.size() > fault_.at.text.size()) recent_.erase(0, recent_.size() - fault_.at.text.size());
    }
  }
  pending_.erase(0, written);
  return true;
}

pump::wish pump::go(last& end) {
  wish wanted;
  while (!done_ && end == last::running) {
    take_orders();
    bool const somewhere = fault_.what != kind::none && fault_.what != kind::append;
    // Without a place the fault begins with the test's word, wherever the bytes are then.
    bool const anywhere = fault_.at.bytes == 0 && fault_.at.text.empty();
    bool const later = anywhere && fault_.door && !fault_.door->is_open();
    if (later) wanted.door = fault_.door->fd();
    if (somewhere && !acted_ && !later && reached()) {
      if (act(wanted, end)) continue;
      break;
    }
    if (!pending_.empty()) {
      if (write(wanted, end)) continue;
      break;
    }
    if (ended_) {
      ::shutdown(to_, SHUT_WR);
      done_ = true;
      break;
    }
    if (!read(wanted, end)) break;
  }
  return wanted;
}

}  // namespace tideover::test
