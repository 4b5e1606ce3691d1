#include "tideover/policy/guess_limiter.hpp"

#include <algorithm>

namespace tideover::policy {

/// One household or one machine has a whole /64 of IPv6 addresses to guess from (RFC 6177): its first four groups
/// count. Written with `::` earlier than that, what stands before it does.
std::string guess_limiter::whose(std::string_view address) {
  if (std::count(address.begin(), address.end(), ':') < 2) return std::string(address);
  std::size_t at = 0;
  for (int group = 0; group < 4; ++group) {
    auto const colon = address.find(':', at);
    if (colon == std::string_view::npos) return std::string(address);
    if (colon + 1 < address.size() && address[colon + 1] == ':') {
      // ::1 and ::ffff:a.b.c.d are addresses of single machines.
      return colon == 0 ? std::string(address) : std::string(address.substr(0, colon)) + "::/64";
    }
    at = colon + 1;
  }
  return std::string(address.substr(0, at)) + ":/64";
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
