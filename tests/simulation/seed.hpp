// Seeds for simulations: random each time, printed when a run fails, replayed by TIDEOVER_SIM_SEED.
// Not a random device for the code under test: that gets its random numbers as values.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <vector>

namespace tideover::simulation {

/// The seeds of one test run: the one to be replayed, else `count` fresh ones.
inline std::vector<std::uint64_t> seeds(std::size_t count) {
  if (const char* given = std::getenv("TIDEOVER_SIM_SEED")) return {std::strtoull(given, nullptr, 10)};
  std::random_device device;
  std::vector<std::uint64_t> result(count);
  for (auto& seed : result) seed = std::uint64_t{device()} << 32 | device();
  return result;
}

/// Small questions to one stream of random numbers.
class dice {
 public:
  explicit dice(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }  // uniform enough for a test
  bool once_in(std::uint64_t n) { return below(n) == 0; }
  double share() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  template <class T, std::size_t N>
  const T& pick(const T (&values)[N]) {
    return values[below(N)];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace tideover::simulation
