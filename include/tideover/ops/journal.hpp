// What was decided and what changed, kept on disk as JSON lines: events.jsonl in the state directory (contract §1).
// Not the log: requests do not stand here, and nobody waits for it. A disk that is full or gone stops nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

namespace tideover::ops {

struct journal_entry {
  std::string event;  // contingency, breaker, reload, …
  std::string who;    // whose doing it was: a user, a token's holder, `tideover` itself
  std::string why;
  nlohmann::ordered_json more = nlohmann::ordered_json::object();  // further members
  bool decision = false;  // somebody's decision: on the disk itself (fsync) as soon as possible
};

/// `ts event who why` and the further members, as one line.
std::string journal_line(const journal_entry& entry, std::int64_t unix_microseconds);

struct journal_settings {
  std::string directory;  // empty: there is none, and nothing is kept
  std::size_t rotate_bytes = 8u << 20;
  unsigned keep = 5;                          // older files: events.jsonl.1 is the youngest of them
  std::size_t most_waiting_bytes = 1u << 20;  // in memory while the disk takes nothing
};

/// Lines are written by a thread of its own. What the disk does not take waits in memory, bounded, and is written when
/// it takes again; what did not fit is counted, and the journal says how many lines are missing where they are missing.
class journal {
 public:
  explicit journal(journal_settings settings);
  ~journal();  // writes what is left, if the disk takes it
  journal(const journal&) = delete;
  journal& operator=(const journal&) = delete;

  /// From any thread; never waits for the disk.
  void write(const journal_entry& entry);

  struct condition {
    bool wanted = true;  // false: there is no directory to keep it in
    bool writable = true;
    std::string problem;  // why not
    std::uint64_t lost = 0;
    std::size_t waiting_bytes = 0;
  };
  condition state() const;
  /// Waits until everything written so far is on disk or has been refused by it once. For tests and for the end.
  void settle();

 private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

}  // namespace tideover::ops
