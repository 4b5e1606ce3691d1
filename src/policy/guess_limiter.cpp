#include "tideover/policy/guess_limiter.hpp"

#include <arpa/inet.h>

#include <algorithm>

namespace tideover::policy {

/// What is no IP address (a unix socket has none) is nobody's in particular: all of that kind count together.
ip_owner guess_limiter::whose(std::string_view address) {
  std::string const text(address);
  unsigned char bytes[16];
  if (::inet_pton(AF_INET, text.c_str(), bytes) == 1) return owner_of_ip({bytes, 4});
  if (::inet_pton(AF_INET6, text.c_str(), bytes) == 1) return owner_of_ip(bytes);
  return {};
}

std::optional<duration> guess_limiter::must_wait(std::string_view address, time_point now) const {
  auto const it = guessers_.find(whose(address));
  if (it == guessers_.end() || it->second.not_before <= now) return std::nullopt;
  return it->second.not_before - now;
}

void guess_limiter::wrong(std::string_view address, time_point now) {
  make_room(now);
  auto& g = guessers_[whose(address)];
  if (g.wrong != 0 && now - g.last >= forget_after) g = {};
  ++g.wrong;
  g.last = now;
  if (g.wrong < free_guesses) return;
  duration wait = first_wait;
  for (unsigned i = free_guesses; i < g.wrong && wait < longest_wait; ++i) wait = std::min(wait * 2, longest_wait);
  g.not_before = after(now, wait);
}

void guess_limiter::make_room(time_point now) {
  if (guessers_.size() < most_addresses) return;
  std::erase_if(guessers_, [&](const auto& entry) { return now - entry.second.last >= forget_after; });
  if (guessers_.size() < most_addresses) return;
  // Somebody has very many addresses; the one that was silent longest is forgotten.
  guessers_.erase(std::min_element(guessers_.begin(), guessers_.end(),
                                   [](const auto& a, const auto& b) { return a.second.last < b.second.last; }));
}

}  // namespace tideover::policy
