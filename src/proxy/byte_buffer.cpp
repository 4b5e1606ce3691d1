#include "tideover/proxy/byte_buffer.hpp"

#include <algorithm>
#include <cstring>

namespace tideover::proxy {

bool byte_buffer::reserve(std::size_t bytes) {
  if (bytes <= capacity_) return true;
  if (!budget_->take(bytes)) return false;
  auto larger = std::make_unique_for_overwrite<char[]>(bytes);
  if (size_ != 0) std::memcpy(larger.get(), bytes_.get(), size_);
  if (capacity_ != 0) budget_->give(capacity_);
  bytes_ = std::move(larger);
  capacity_ = bytes;
  return true;
}

bool byte_buffer::make_room(std::size_t more) {
  if (room() >= more) return true;
  return reserve(std::max(size_ + more, capacity_ + capacity_ / 2)) || reserve(size_ + more);
}

bool byte_buffer::append(std::string_view bytes) {
  if (!make_room(bytes.size())) return false;
  if (!bytes.empty()) std::memcpy(end(), bytes.data(), bytes.size());
  size_ += bytes.size();
  return true;
}

void byte_buffer::drop_front(std::size_t bytes) {
  size_ -= bytes;
  if (size_ != 0) std::memmove(bytes_.get(), bytes_.get() + bytes, size_);
}

void byte_buffer::release() {
  if (capacity_ != 0) budget_->give(capacity_);
  bytes_.reset();
  size_ = capacity_ = 0;
}

}  // namespace tideover::proxy
