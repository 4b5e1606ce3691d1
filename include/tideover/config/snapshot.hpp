// The validated, immutable configuration that running code reads: plain structs with the defaults of the contract.
// Not for parsing or checking: config/load makes snapshots, config/check finds what is wrong with them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tideover/core/secret.hpp"
#include "tideover/core/sha256.hpp"
#include "tideover/core/time.hpp"
#include "tideover/core/words.hpp"

namespace tideover::config {

using namespace std::chrono_literals;

/// `host:port` as configured; port 0 lets the kernel choose. `host` is an IP literal (brackets removed) or a name.
struct address {
  std::string host;
  std::uint16_t port = 0;
};

struct listener_tls {
  std::string certificate_file;
  std::string key_file;
  std::string client_ca_file;  // callers show a certificate of one of these authorities; empty: none is asked for
};

struct listener {
  address at;
  std::optional<listener_tls> tls;
  bool allow_unauthenticated = false;
};

struct admin {
  address at{"127.0.0.1", 6838};
  std::string socket_path;      // empty: where it usually is, if it can be there (config/places)
  std::optional<secret> token;  // for changes over TCP, and for reads beyond this machine
  bool allow_unauthenticated = false;
};

/// A key of the house's own that opens the proxy; the key itself stands nowhere.
struct client_key {
  std::string name;                     // for logs
  std::optional<sha256_digest> sha256;  // absent: what was written is none (config/check refuses it)
  std::string workflow;                 // bound to it; empty: the caller chooses
  unsigned requests_per_minute = 0;     // 0: no limit
  // Globs of names that may be asked for; absent: every one.
  std::optional<std::vector<std::string>> models{};
};

struct clients {
  bool required = false;
  std::vector<client_key> keys;
};

/// A parsed upstream URL: scheme, authority and a base path without a trailing slash (usually empty).
struct url {
  bool tls = false;
  std::string host;        // IPv6 literals without brackets
  std::uint16_t port = 0;  // always filled in
  std::string base_path;

  /// `host` or `host:port` as it belongs into a Host field (default ports left out, IPv6 in brackets).
  std::string authority() const;
  std::string to_string() const;
};

/// Where time may be spent on one attempt. Zero means "no limit" nowhere; every wait has one.
struct timeouts {
  duration connect = 3s;         // name lookup, TCP and TLS together
  duration first_content = 30s;  // streams: until the first usable content
  duration response = 120s;      // everything else: until the complete answer
  duration reasoning = 300s;     // replaces both for requests that ask for reasoning
  duration idle = 30s;           // between bytes once content has begun
  duration total = 10min;        // one leg from start to end
};

/// When an upstream is left alone, and for how long (policy/circuit_breaker). Cloud upstreams only.
struct breaker {
  unsigned failures_to_open = 3;  // in a row
  double failure_ratio = 0.5;     // or this share of at least `min_requests` within `window`
  unsigned min_requests = 10;
  duration window = 30s;
  duration open_for = 5s;  // the first time; doubles while half-open fails
  duration open_for_max = 60s;

  bool operator==(const breaker&) const = default;
};

/// More tries at the same cloud before the local tier serves (contract §2): only where nothing can have been processed
/// or the cloud itself said when to come again.
struct retry {
  unsigned attempts = 0;   // beyond the first; 0: local at once
  duration max_wait = 2s;  // the longest Retry-After that is waited for

  bool operator==(const retry&) const = default;
};

/// How many requests may wait for a free place at a local server, and how long.
struct queue {
  unsigned limit = 64;
  duration wait = 60s;

  bool operator==(const queue&) const = default;
};

/// When the local tier counts as degraded (contract §7).
struct readiness {
  duration interval = 5min;
  double min_tokens_per_second = 5;
  double min_gpu_fraction = 0.5;
  duration max_load_time = 60s;

  bool operator==(const readiness&) const = default;
};

struct tls_options {
  std::string ca_file;      // empty: the system's store
  std::string server_name;  // empty: the URL's host, for SNI and verification
};

struct upstream {
  std::string name;   // key in the file
  std::string title;  // for people: "OpenAI", "Ollama"; the name where nothing better is known
  enum tier tier = tier::cloud;
  enum dialect dialect = dialect::openai;
  std::vector<url> urls;             // at least one
  std::optional<secret> credential;  // absent: the caller's own (cloud) or none (local)
  struct timeouts timeouts;
  struct breaker breaker;
  tls_options tls;
  bool allow_public = false;  // a local upstream may have a public address
  struct retry retry;         // clouds only

  // Local upstreams only.
  unsigned concurrency = 2;                   // generations at once per URL
  std::optional<std::size_t> context_tokens;  // most that may be asked of num_ctx; nothing: chosen by the model (auto)
  struct queue queue;
  std::vector<std::string> keep_warm;  // models that are kept loaded
  struct readiness readiness;
};

/// Does a local model go on with an assistant message that it finds at the end of the conversation?
enum class prefill : std::uint8_t { automatic, yes, no };

/// What stands in for what; `cloud` is a glob in which `*` matches any run of characters.
struct model_rule {
  std::string cloud;
  std::string local;
  enum prefill prefill = prefill::automatic;
};

/// Place in the queue for the local tier.
enum class priority : std::uint8_t { low, normal, high };

/// What a caller gets when a stream dies after content was sent (contract §5).
enum class on_cut : std::uint8_t {
  error,        // the dialect's error event, then the connection ends visibly
  hold,         // nothing is sent before the answer is complete, so that a cut is a plain failover
  continue_it,  // `continue`: the local model goes on from what was sent
};

/// Text for local models only.
struct system_prompt {
  enum class mode : std::uint8_t { prepend, append, replace } where = mode::prepend;
  std::string text;  // empty: none
};

/// Sampling parameters for local models, for what the caller left open.
struct parameters {
  std::optional<double> temperature, top_p, min_p, frequency_penalty, presence_penalty, repeat_penalty;
  std::optional<std::int64_t> top_k, seed, max_tokens;

  bool operator==(const parameters&) const = default;
};

struct workflow {
  std::string name;
  policy_kind policy = policy_kind::cloud_first;
  duration deadline = 15min;  // of the whole exchange, local leg included
  enum priority priority = priority::normal;
  std::optional<duration> hedge_after{};  // start local beside a cloud that has been silent for so long
  enum on_cut on_cut = on_cut::error;
  duration hold_for = 0s;            // delays a stream's commit so that early cuts stay recoverable
  bool any_embedding_model = false;  // `embeddings: any_model`: vectors of another model may stand in
  std::vector<model_rule> models{};  // looked at before the global ones
  struct system_prompt system_prompt {};
  struct parameters parameters {};
};

struct limits {
  std::size_t request_body = 32u << 20;
  std::size_t request_head = 64u << 10;
  std::size_t response_body = 64u << 20;
  std::size_t replay_memory = 512u << 20;
  std::size_t connections = 10000;
  std::optional<std::size_t> connections_per_address{};  // nothing: `auto`, see policy/crowd
  duration head_timeout = 10s;
  duration keep_alive = 75s;
  duration write_stall = 60s;
  duration drain = 30s;
};

enum class log_level : std::uint8_t { trace, debug, info, warn, error };
enum class log_format : std::uint8_t { automatic, text, json };

struct log {
  log_level level = log_level::info;
  log_format format = log_format::automatic;
};

/// Which workflows are in contingency, and who said so.
struct contingency {
  bool all_by_environment = false;
  std::vector<std::string> by_environment{};  // names of workflows
  bool all_by_file = false;
  std::vector<std::string> by_file{};
};

/// One key as the file has it: for telling two configurations apart (config/changes).
struct setting {
  std::string shown;          // as written; empty where it is nobody's to read (secrets) or too long
  sha256_digest fingerprint;  // of the value, with the content of a file that it names
};

struct snapshot {
  std::vector<listener> listeners;
  struct admin admin;
  struct clients clients;
  std::vector<upstream> upstreams;
  std::vector<model_rule> models;
  std::map<std::string, workflow, std::less<>> workflows;  // "default" exists always
  struct limits limits;
  std::vector<std::string> hosts;
  std::vector<std::string> page_origins;  // `cors.origins`, as browsers write them
  struct contingency contingency;
  struct log log;
  bool response_headers = true;                          // `headers: standard`; false: no X-Tideover-* on answers
  std::size_t workers = 0;                               // 0: one per core
  std::string source;                                    // the file it came from, empty: built-in defaults
  bool source_says_nothing = false;                      // that file is empty, or has only comments
  std::map<std::string, setting, std::less<>> settings;  // by path, what the file says

  const upstream* find_upstream(std::string_view name) const;
  const workflow* find_workflow(std::string_view name) const;
  bool in_contingency(std::string_view workflow) const;
};

using snapshot_ptr = std::shared_ptr<const snapshot>;

}  // namespace tideover::config
