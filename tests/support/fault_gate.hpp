// A TCP forwarder between two peers that can be told, while it runs, to break what passes: per direction and per byte.
// Not a script: it knows nothing of HTTP or TLS. What is said on the wire is said by the peers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "support/wire.hpp"

namespace tideover::test {

/// A place in what passes in one direction of one connection: behind so many bytes, or behind the first time a text
/// has passed. Where nothing has to pass first, it is reached at once.
struct place {
  std::uint64_t bytes = 0;
  std::string text;
};
inline place behind(std::uint64_t bytes) { return {bytes, {}}; }
inline place behind(std::string text) { return {0, std::move(text)}; }

/// What goes wrong in one direction. The connection counts its bytes, so every new one meets the fault again.
struct wire_fault {
  enum class kind : std::uint8_t {
    none,
    stall,       // nothing passes any more, nothing ends
    cut,         // the connection ends in order (FIN)
    reset,       // the connection ends with RST
    half_close,  // FIN to the receiver; the other direction goes on
    flip,        // the bits of `mask` change in the byte behind the place
    insert,      // `text` is put in
    append,      // `text` follows the sender's last byte, before its FIN
  };
  kind what = kind::none;
  place at = {};
  std::optional<gate> door = {};  // at the place the test's word is awaited; without a place it says when
  std::string text = {};
  unsigned char mask = 1;
  std::size_t piece = 0;               // no write is longer; 0: as the bytes come
  std::uint64_t bytes_per_second = 0;  // 0: as fast as they come
};

namespace broken {
wire_fault stall(place at = {});
wire_fault cut(place at = {});
wire_fault reset(place at = {});
wire_fault half_close(place at = {});
wire_fault flip(place at, unsigned char mask = 1);
wire_fault insert(place at, std::string text);
wire_fault append(std::string text);
wire_fault split(std::size_t piece = 1);
wire_fault slow(std::uint64_t bytes_per_second);
/// The same fault, but only once the door is open.
wire_fault after(gate door, wire_fault what);
}  // namespace broken

enum class side : std::uint8_t { to_upstream, to_daemon };

class fault_gate {
 public:
  /// What becomes of new connections.
  enum class door : std::uint8_t {
    forward,
    refuse,           // nobody listens
    blackhole,        // the queue is full: SYNs are not answered
    reset_on_accept,  // RST
    close_on_accept,  // FIN
    ignore,           // accepted, never read, never answered
  };

  /// Listens on a free port of `address`, or on the given one, and forwards to 127.0.0.1:`upstream`.
  explicit fault_gate(std::uint16_t upstream, const char* address = "127.0.0.1", std::uint16_t port = 0);
  ~fault_gate();
  fault_gate(const fault_gate&) = delete;
  fault_gate& operator=(const fault_gate&) = delete;

  void set(door how);
  /// For connections that are open and those to come.
  void set(side where, wire_fault what);
  void heal();       // forwards again, no faults
  void drop_all();   // ends what is open in order
  void reset_all();  // ends what is open with RST
  void forward_to(std::uint16_t upstream);

  std::uint16_t port() const;
  std::string url() const;  // http://ADDRESS:PORT

  unsigned connections() const;       // accepted since the beginning
  unsigned open_connections() const;  // being forwarded or ignored now
  std::uint64_t passed(side where) const;
  std::uint64_t writes(side where) const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace tideover::test
