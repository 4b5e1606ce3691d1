// Does the local tier really work? Facts about servers, models and tests in; a state with reasons and fixes out.
// Not the asking: ops/readiness_monitor gathers the facts.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tideover/config/snapshot.hpp"
#include "tideover/core/failure.hpp"
#include "tideover/core/time.hpp"

namespace tideover::policy {

struct local_catalog;

enum class ready_state : std::uint8_t {
  ready,
  unknown,   // not found out yet
  degraded,  // it serves, but worse than it should, or with another model
  down,      // it cannot serve
};
std::string_view token(ready_state s);

/// What is checked, in the order of a report.
enum class ready_check : std::uint8_t {
  api,
  models,
  fits,
  inference,
  load_time,
  tokens_per_second,
  gpu,
  context,
  prefill
};
inline constexpr ready_check all_ready_checks[] = {
    ready_check::api,       ready_check::models,    ready_check::fits,
    ready_check::inference, ready_check::load_time, ready_check::tokens_per_second,
    ready_check::gpu,       ready_check::context,   ready_check::prefill};
std::string_view token(ready_check c);

/// How a server answered when it was asked what it has.
enum class api_answer : std::uint8_t {
  unknown,  // not asked yet
  answers,
  loading,  // it answers, but a model is being loaded: /api/ps hangs (OL §12), or llama-server says so
  silent,   // it takes connections and says nothing
  refused,  // nobody takes connections there
  odd,      // it answers, but not like a local server
};

struct api_fact {
  std::string url;
  api_answer what = api_answer::unknown;
  std::string detail{};
  duration loading_for{};
};

/// What one answer told about speed.
struct inference_timing {
  std::uint64_t tokens = 0;  // generated
  duration generating{};
  duration loading{};  // before the prompt was read; near zero where the model was loaded
};
/// 0: nothing was generated.
double tokens_per_second(const inference_timing& t);

/// What a model's server makes of an answer that was begun elsewhere and is the last message it is given.
enum class prefill_habit : std::uint8_t {
  unknown,      // nobody has tried
  begins_anew,  // it answers as if nothing had been begun
  continues,    // it goes on, with nothing but what is new
  echoes,       // it says what was begun once more, byte for byte, and goes on
};
/// `answer` is what followed `begun`, which had to go on with the word `next`. To tell an echo from a new beginning,
/// the answer must have been allowed too few tokens to say both.
prefill_habit prefill_habit_of(std::string_view begun, std::string_view next, std::string_view answer);

/// Does it go on with what was begun, once an echo is left out?
constexpr std::optional<bool> goes_on(prefill_habit habit) {
  if (habit == prefill_habit::unknown) return std::nullopt;
  return habit != prefill_habit::begins_anew;
}
/// Does it say what was begun once more? Of a model that begins anew nothing is known: it was seen to do neither.
constexpr std::optional<bool> says_it_again(prefill_habit habit) {
  if (habit == prefill_habit::echoes) return true;
  if (habit == prefill_habit::continues) return false;
  return std::nullopt;
}

/// The newest knowledge of one model, from a test or from real traffic.
struct model_test {
  std::string model{};
  bool answered = false;
  std::string problem{};                    // why not; the server's own words where it had any
  bool out_of_memory = false;               // it did not load for want of memory
  bool from_traffic = false;                // seen in real answers, no test of our own was needed
  duration load{};                          // the longest load that was seen lately; zero: none was
  double tokens_per_second = 0;             // 0: unknown
  double usual_tokens_per_second = 0;       // of earlier tests of the same files; 0: too few
  std::optional<bool> continues_prefill{};  // nothing: not found out
};

/// Does this failure of a real request tell that its local server is out of order? Not where nothing was asked (a model
/// is missing, the queue is full), the request itself was refused, or the model only said nothing.
bool tells_of_local_server(const failure& what);
/// So many in a row are no accident.
inline constexpr unsigned failures_that_count = 3;

struct readiness_facts {
  std::vector<api_fact> api{};
  const local_catalog* catalog = nullptr;
  std::vector<std::string> needed{};  // models that the configuration names
  struct holder {
    std::string model, upstream;
  };
  std::vector<holder> elsewhere{};  // needed ones that another local upstream has
  std::vector<model_test> tests{};
  unsigned failed_in_a_row = 0;  // real requests, since the last success
  std::string last_failure{};
  config::readiness limits{};
  enum dialect dialect = dialect::ollama;  // of the servers: other advice, and no word on GPU
};

struct readiness_finding {
  ready_check check{};
  ready_state state = ready_state::unknown;
  std::string subject{};  // a URL or a model
  std::string text{};
  std::string fix{};  // a command or a setting; empty where nothing is to be mended
};

struct readiness_verdict {
  ready_state state = ready_state::unknown;
  std::vector<readiness_finding> findings{};

  /// The worst of one check; unknown where nothing is known of it.
  ready_state of(ready_check c) const;
};

/// Down: no server answers, or no model can serve. Degraded: anything is worse than the limits say, a server of several
/// is away, or a needed model is missing while another can stand in. What could not be found out makes nothing worse,
/// but while it is not known whether a server answers and what it has, the state is unknown.
readiness_verdict judge_readiness(const readiness_facts& facts);

/// Of several local upstreams as one tier. Down: none can serve, or there is none. Degraded: one is out of order while
/// another serves. One of which nothing is known yet makes nothing worse where another serves.
ready_state tier_state(std::span<const ready_state> upstreams);

/// A model that has become this much slower than it was is degraded even above the floor.
inline constexpr double slow_share = 0.5;

}  // namespace tideover::policy
