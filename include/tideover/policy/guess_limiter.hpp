// Slows down whoever tries keys or tokens: after a few wrong ones an address has to wait, longer each time.
// Not a rate limit for callers who are known. Pure: time comes in; who shares one puts a mutex around it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include "tideover/core/ip_owner.hpp"
#include "tideover/core/time.hpp"

namespace tideover::policy {

class guess_limiter {
 public:
  static constexpr unsigned free_guesses = 5;  // typing errors of people
  static constexpr duration first_wait = std::chrono::seconds(1);
  static constexpr duration longest_wait = std::chrono::seconds(60);
  static constexpr duration forget_after = std::chrono::minutes(10);
  static constexpr std::size_t most_addresses = 1024;

  /// How long this address must wait before it may guess again; nothing: it may now.
  std::optional<duration> must_wait(std::string_view address, time_point now) const;
  void wrong(std::string_view address, time_point now);
  void right(std::string_view address) { guessers_.erase(whose(address)); }

  std::size_t followed() const { return guessers_.size(); }

 private:
  struct guesser {
    unsigned wrong = 0;
    time_point last{};
    time_point not_before{};
  };
  static ip_owner whose(std::string_view address);
  void make_room(time_point now);

  std::map<ip_owner, guesser> guessers_;
};

}  // namespace tideover::policy
