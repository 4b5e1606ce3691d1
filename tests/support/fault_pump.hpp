// One direction of a connection through the gate: reads, breaks as it is told, writes, and says what to wait for.
// Not for tests to use: they speak to support/fault_gate.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "support/fault_gate.hpp"

namespace tideover::test {

/// How a connection through the gate ends.
enum class last : std::uint8_t { running, in_order, with_reset };

/// What a connection is told; written by the test, read by the connection's thread.
struct orders {
  std::mutex mutex;
  std::array<wire_fault, 2> faults;
  std::array<unsigned, 2> version{};
  std::array<std::atomic<std::uint64_t>, 2> passed{};
  std::array<std::atomic<std::uint64_t>, 2> writes{};
};

/// One direction of one connection.
class pump {
 public:
  pump(int from, int to, side where, orders& told) : from_(from), to_(to), where_(where), told_(told) {}

  /// Does whatever can be done without waiting, then says what to wait for.
  struct wish {
    short from = 0;
    short to = 0;
    int door = -1;
    steady::time_point by = steady::time_point::max();
  };
  wish go(last& end);

  bool done() const { return done_; }
  bool stalled() const { return stalled_; }

 private:
  void take_orders();
  bool reached();
  bool act(wish& wanted, last& end);
  bool write(wish& wanted, last& end);
  bool read(wish& wanted, last& end);

  int from_, to_;
  side where_;
  orders& told_;
  wire_fault fault_;
  unsigned version_ = 0;
  bool acted_ = false;
  std::optional<std::uint64_t> target_;
  std::uint64_t passed_ = 0;
  std::string recent_;      // the last bytes that passed, in case a text begins in them
  std::string pending_;     // read, not yet written
  std::size_t put_in_ = 0;  // the first so many pending bytes are the test's: no place is counted in them
  bool ended_ = false;      // the sender said so
  bool done_ = false;
  bool stalled_ = false;
  steady::time_point next_write_{};
};

}  // namespace tideover::test
