#include "tideover/core/ids.hpp"

namespace tideover {
namespace {

// splitmix64: enough to tell requests apart; ids are not secrets.
std::uint64_t mix(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

constexpr char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

}  // namespace

id_generator::id_generator(std::uint64_t seed) : state_(seed) {}

std::string id_generator::next(std::uint64_t unix_milliseconds) {
  constexpr std::size_t time_digits = 9;  // 45 bits: good until the year 3084
  constexpr std::size_t random_digits = 9;
  std::string id(4 + time_digits + random_digits, '\0');
  id.replace(0, 4, "req_");
  for (std::size_t i = time_digits; i-- > 0; unix_milliseconds >>= 5) id[4 + i] = digits[unix_milliseconds & 31];
  std::uint64_t random = mix(state_);
  for (std::size_t i = 0; i < random_digits; ++i, random >>= 5) id[4 + time_digits + i] = digits[random & 31];
  return id;
}

}  // namespace tideover
