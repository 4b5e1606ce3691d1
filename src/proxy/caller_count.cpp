#include "tideover/proxy/caller_count.hpp"

namespace tideover::proxy {

namespace {

bool counts_inside(policy::welcome said) {
  return said == policy::welcome::come_in || said == policy::welcome::too_many;
}

}  // namespace

caller_count::place::place(caller_count& in, const std::optional<ip_owner>& address, const config::limits& limits)
    : in_(in) {
  std::lock_guard const lock(in_.mutex_);
  if (address) from_ = in_.by_address_.try_emplace(*address, 0).first;
  said_ = policy::may_come_in({.inside = in_.inside_, .from_address = from_ ? (*from_)->second : 0}, address, limits);
  if (from_) ++(*from_)->second;
  if (counts_inside(said_)) ++in_.inside_;
}

caller_count::place::~place() {
  std::lock_guard const lock(in_.mutex_);
  if (from_ && --(*from_)->second == 0) in_.by_address_.erase(*from_);
  if (counts_inside(said_)) --in_.inside_;
}

}  // namespace tideover::proxy
