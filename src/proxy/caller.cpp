#include "tideover/proxy/caller.hpp"

namespace tideover::proxy {

bool caller_writer::send(std::span<const iovec> pieces) {
  if (broken_) return false;
  std::size_t total = 0;
  for (const auto& p : pieces) total += p.iov_len;
  std::size_t sent = 0;
  // TLS takes a record at a time, so several tries may be needed before the kernel is full.
  while (sent < total) {
    iovec rest[8];
    std::size_t n = 0;
    std::size_t skip = sent;
    for (const auto& p : pieces) {
      if (skip >= p.iov_len) {
        skip -= p.iov_len;
        continue;
      }
      rest[n++] = {static_cast<char*>(p.iov_base) + skip, p.iov_len - skip};
      skip = 0;
      if (n == std::size(rest)) break;
    }
    auto const wrote = to_.try_write({rest, n});
    if (wrote.ok()) {
      sent += wrote.bytes;
      continue;
    }
    if (!wrote.again()) {
      broken_ = true;
      unsent_ = total - sent;
      return false;
    }
    for (std::size_t i = 0; i < n; ++i) {
      if (!pending_.append({static_cast<char*>(rest[i].iov_base), rest[i].iov_len})) {
        broken_ = true;  // no memory to keep what the caller does not take
        pending_.release();
        unsent_ = total - sent;
        return false;
      }
    }
    return true;
  }
  return true;
}

bool caller_writer::send(std::string_view bytes) {
  iovec const piece{const_cast<char*>(bytes.data()), bytes.size()};
  return send({&piece, 1});
}

net::task<bool> caller_writer::flush() {
  if (broken_) co_return false;
  auto const began = clock::now();
  auto const how = co_await net::write_all(to_, pending_.view(), stall_limit_, &unsent_);
  waited_ += clock::now() - began;
  pending_.release();
  if (how == net::write_end::done) co_return true;
  broken_ = true;
  stalled_ = how == net::write_end::stalled;
  co_return false;
}

}  // namespace tideover::proxy
