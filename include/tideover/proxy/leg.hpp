// One candidate's side of an exchange: the attempt, its permit, and what is known of its answer before the commit.
// Not a judge: proxy/exchange fills it in. On the heap, because idle connections have none and a hedge is a second one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tideover/adapt/key_leak.hpp"
#include "tideover/adapt/sse.hpp"
#include "tideover/adapt/stream_inspector.hpp"
#include "tideover/core/failure.hpp"
#include "tideover/net/frame_store.hpp"
#include "tideover/policy/failover.hpp"
#include "tideover/proxy/attempt.hpp"
#include "tideover/proxy/byte_buffer.hpp"
#include "tideover/proxy/health_table.hpp"
#include "tideover/proxy/local_gate.hpp"
#include "tideover/proxy/translation.hpp"

namespace tideover::proxy {

/// How an answer goes to the caller.
enum class answer_form : std::uint8_t {
  whole,     // read to its end before the commit
  stream,    // events, looked at on their way
  raw,       // bytes as they come: what they mean is not looked at
  withheld,  // not at all: an error of Tideover's takes its place
};

/// A stream that is held back until the commit, and followed after it.
struct followed_stream {
  followed_stream(endpoint what, dialect from, memory_budget& memory) : inspector(what, from), held(memory) {}

  adapt::stream_inspector inspector;
  adapt::sse_boundary boundary;
  byte_buffer held;           // not yet with the caller
  std::size_t inspected = 0;  // of `held`
};

struct leg {
  leg(worker& home, worker_generation& under, net::stream& caller, std::uint16_t candidate,
      const policy::attempt_limits& within, health_table::admission&& may, std::optional<cloud_pass> pass)
      : upstream(candidate), limits(within), permit(std::move(may)), call(home, under, caller, candidate, pass) {}

  // One a request: from the worker's own store, as coroutine frames are.
  static void* operator new(std::size_t bytes) { return net::frame_store::take(bytes); }
  static void operator delete(void* memory, std::size_t bytes) noexcept { net::frame_store::give(memory, bytes); }

  std::uint16_t upstream;
  policy::attempt_limits limits;
  health_table::admission permit;  // told exactly once how it ended; gone without a word: it told nothing
  attempt call;
  answer_form form = answer_form::whole;
  adapt::key_leak leak = adapt::key_leak::none;  // why it is withheld
  std::optional<followed_stream> stream;
  std::string early;  // of a raw answer: read before the commit
  std::string model;  // as the answer names it
  failure problem;    // when it failed

  std::optional<local_gate::visit> place;  // at a local server; goes back with the leg
  std::shared_ptr<void> grows;             // its model's window does, for this request
  // Of a request that takes no place: further URLs of the same server that may be asked; nothing: not chosen yet.
  std::optional<std::vector<std::uint16_t>> further_urls;

  // A local server that is asked in its own words.
  bool translated = false;
  std::unique_ptr<translation> into;  // of a stream
  std::string whole_text;             // of a whole answer, in the caller's dialect

  /// The next bytes for the caller, as attempt::next_payload, in the caller's dialect.
  attempt::piece next();
  std::string_view body() const { return translated ? std::string_view(whole_text) : call.body(); }
};

}  // namespace tideover::proxy
