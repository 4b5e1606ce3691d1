#include "tideover/config/table.hpp"

#include <deque>

namespace tideover::config {
namespace {

using k = value_kind;
using b = building;
using v = value;

constexpr std::int64_t ms = 1, day = 86'400'000;
constexpr std::int64_t kib = 1 << 10, mib = 1 << 20, gib = 1 << 30;

const std::string& text(const v& x) { return std::get<std::string>(x); }
duration span(const v& x) { return std::get<duration>(x); }
std::size_t bytes(const v& x) { return static_cast<std::size_t>(std::get<std::int64_t>(x)); }
unsigned count(const v& x) { return static_cast<unsigned>(std::get<std::int64_t>(x)); }

prefill prefill_of(const v& x) {
  return text(x) == "yes" ? prefill::yes : text(x) == "no" ? prefill::no : prefill::automatic;
}

template <std::optional<double> parameters::*Field>
void store_parameter(b& to, const v& x) {
  to.current_workflow->parameters.*Field = std::get<double>(x);
}
template <std::optional<std::int64_t> parameters::*Field>
void store_parameter(b& to, const v& x) {
  to.current_workflow->parameters.*Field = std::get<std::int64_t>(x);
}

template <duration timeouts::*Field>
void store_timeout(b& to, const v& x) {
  to.current_upstream->timeouts.*Field = span(x);
}
template <duration breaker::*Field>
void store_pause(b& to, const v& x) {
  to.current_upstream->breaker.*Field = span(x);
}
template <unsigned breaker::*Field>
void store_count(b& to, const v& x) {
  to.current_upstream->breaker.*Field = count(x);
}
template <duration limits::*Field>
void store_limit(b& to, const v& x) {
  to.made.limits.*Field = span(x);
}
template <std::size_t limits::*Field>
void store_limit(b& to, const v& x) {
  to.made.limits.*Field = bytes(x);
}

key_row container(std::string_view path, k kind, std::string_view description, void (*store)(b&, const v&) = nullptr) {
  return {.path = path, .kind = kind, .description = description, .store = store};
}
key_row timeout(std::string_view path, std::string_view usual, std::string_view description,
                void (*store)(b&, const v&)) {
  return {.path = path,
          .kind = k::span,
          .default_text = usual,
          .description = description,
          .store = store,
          .least = 1 * ms,
          .most = day};
}
key_row later(std::string_view path, k kind, std::string_view description, std::string_view usual = {},
              std::string_view choices = {}) {
  return {.path = path,
          .kind = kind,
          .default_text = usual,
          .description = description,
          .supported = false,
          .choices = choices};
}

std::vector<key_row> listener_rows() {
  return {
      container("listen", k::list, "Where callers reach the proxy.",
                [](b& to, const v&) { to.made.listeners.clear(); }),
      container("listen[]", k::map, "One listener.",
                [](b& to, const v&) { to.current_listener = &to.made.listeners.emplace_back(); }),
      {.path = "listen[].address",
       .kind = k::address,
       .default_text = "127.0.0.1:6837",
       .description = "HOST:PORT to listen on; port 0 takes any free port.",
       .store = [](b& to, const v& x) { to.current_listener->at = std::get<address>(x); },
       .required = true},
      container("listen[].tls", k::map, "Serve HTTPS with this certificate.",
                [](b& to, const v&) { to.current_listener->tls.emplace(); }),
      {.path = "listen[].tls.certificate",
       .kind = k::path,
       .description = "PEM file with the certificate chain.",
       .store = [](b& to, const v& x) { to.current_listener->tls->certificate_file = text(x); },
       .required = true},
      {.path = "listen[].tls.key",
       .kind = k::path,
       .description = "PEM file with the private key.",
       .store = [](b& to, const v& x) { to.current_listener->tls->key_file = text(x); },
       .required = true},
      {.path = "listen[].allow_unauthenticated",
       .kind = k::boolean,
       .default_text = "false",
       .description = "Listen beyond this machine although callers need no key of yours.",
       .store = [](b& to, const v& x) { to.current_listener->allow_unauthenticated = std::get<bool>(x); }},

      container("admin", k::map, "The admin listener: health, metrics, status."),
      {.path = "admin.address",
       .kind = k::address,
       .default_text = "127.0.0.1:6838",
       .description = "HOST:PORT to listen on; port 0 takes any free port.",
       .store = [](b& to, const v& x) { to.made.admin.at = std::get<address>(x); }},
      {.path = "admin.socket",
       .kind = k::socket_path,
       .default_text = "/run/tideover/admin.sock",
       .description = "Unix socket of the admin API; whoever may open it may change things.",
       .store = [](b& to, const v& x) { to.made.admin.socket_path = text(x); }},
      {.path = "admin.token",
       .kind = k::secret_ref,
       .description = "Bearer token that changes over TCP need; without it they need the unix socket.",
       .store = [](b& to, const v& x) { to.made.admin.token = std::get<secret>(x); }},
      {.path = "admin.allow_unauthenticated",
       .kind = k::boolean,
       .default_text = "false",
       .description = "Listen beyond this machine although readers need no token.",
       .store = [](b& to, const v& x) { to.made.admin.allow_unauthenticated = std::get<bool>(x); }},

      container("clients", k::map, "Keys of your own that callers present."),
      {.path = "clients.required",
       .kind = k::boolean,
       .default_text = "false",
       .description = "Every request needs one of these keys.",
       .store = [](b& to, const v& x) { to.made.clients.required = std::get<bool>(x); }},
      container("clients.keys", k::list, "The keys; `tideover key new NAME` makes one."),
      container("clients.keys[]", k::map, "One key.",
                [](b& to, const v&) { to.current_key = &to.made.clients.keys.emplace_back(); }),
      {.path = "clients.keys[].name",
       .kind = k::text,
       .description = "Name of the caller, for logs.",
       .store = [](b& to, const v& x) { to.current_key->name = text(x); },
       .required = true},
      {.path = "clients.keys[].sha256",
       .kind = k::text,
       .description = "SHA-256 of the key, 64 hex digits.",
       .store = [](b& to, const v& x) { to.current_key->sha256 = parse_sha256(text(x)); },
       .required = true},
      {.path = "clients.keys[].workflow",
       .kind = k::text,
       .description = "Workflow that the key is bound to; absent: the caller chooses.",
       .store = [](b& to, const v& x) { to.current_key->workflow = text(x); }},
      {.path = "clients.keys[].requests_per_minute",
       .kind = k::integer,
       .description = "Most requests within a minute; absent: no limit.",
       .store =
           [](b& to, const v& x) {
             to.current_key->requests_per_minute = static_cast<unsigned>(std::get<std::int64_t>(x));
           },
       .least = 1,
       .most = 1'000'000},
  };
}

std::vector<key_row> upstream_rows() {
  return {
      container("upstreams", k::map_of, "The clouds and the local servers; replaces the built-in ones as a whole.",
                [](b& to, const v&) { to.made.upstreams.clear(); }),
      container("upstreams.*", k::map, "One upstream, under a name of your choice.",
                [](b& to, const v& x) {
                  to.current_upstream = &to.made.upstreams.emplace_back();
                  to.current_upstream->name = text(x);
                }),
      {.path = "upstreams.*.tier",
       .kind = k::choice,
       .description = "cloud: leaves the house. local: stays in the house.",
       .store = [](b& to, const v& x) { to.current_upstream->tier = *parse_tier(text(x)); },
       .required = true,
       .choices = "cloud|local"},
      {.path = "upstreams.*.dialect",
       .kind = k::choice,
       .description = "The protocol it speaks; ollama for local upstreams and the name's own where not given.",
       .store = [](b& to, const v& x) { to.current_upstream->dialect = *parse_dialect(text(x)); },
       .choices = "openai|anthropic|ollama"},
      {.path = "upstreams.*.url",
       .kind = k::web_address,
       .description = "Where it is, without /v1: https://api.openai.com.",
       .store = [](b& to, const v& x) { to.current_upstream->urls.push_back(std::get<url>(x)); }},
      container("upstreams.*.urls", k::list, "The same as a list: several local servers share the requests."),
      {.path = "upstreams.*.urls[]",
       .kind = k::web_address,
       .description = "Where it is.",
       .store = [](b& to, const v& x) { to.current_upstream->urls.push_back(std::get<url>(x)); }},
      {.path = "upstreams.*.credential",
       .kind = k::secret_ref,
       .description = "Key that is sent instead of the caller's own; absent: the caller's own.",
       .store = [](b& to, const v& x) { to.current_upstream->credential = std::get<secret>(x); }},
      {.path = "upstreams.*.allow_public",
       .kind = k::boolean,
       .default_text = "false",
       .description = "A local upstream may have a public address.",
       .store = [](b& to, const v& x) { to.current_upstream->allow_public = std::get<bool>(x); }},
      container("upstreams.*.timeouts", k::map, "How long each part of one attempt may take."),
      timeout("upstreams.*.timeouts.connect", "3s", "Name lookup, TCP and TLS together (local: 1s).",
              store_timeout<&timeouts::connect>),
      timeout("upstreams.*.timeouts.first_content", "30s", "Streams: until the first usable content (local: 120s).",
              store_timeout<&timeouts::first_content>),
      timeout("upstreams.*.timeouts.response", "120s", "Other requests: until the complete answer (local: 10m).",
              store_timeout<&timeouts::response>),
      timeout("upstreams.*.timeouts.reasoning", "300s",
              "Replaces first_content and response for requests that ask for reasoning (local: 10m).",
              store_timeout<&timeouts::reasoning>),
      timeout("upstreams.*.timeouts.idle", "30s", "Silence within an answer that has begun (local: 60s).",
              store_timeout<&timeouts::idle>),
      timeout("upstreams.*.timeouts.total", "10m", "One attempt from start to end (local: 15m).",
              store_timeout<&timeouts::total>),
      container("upstreams.*.breaker", k::map, "When a failing cloud is left alone, and for how long."),
      {.path = "upstreams.*.breaker.failures_to_open",
       .kind = k::integer,
       .default_text = "3",
       .description = "Failures in a row that open it.",
       .store = store_count<&breaker::failures_to_open>,
       .least = 1,
       .most = 1'000'000},
      {.path = "upstreams.*.breaker.failure_ratio",
       .kind = k::number,
       .default_text = "0.5",
       .description = "Share of failures within the window that opens it, above 0 and up to 1.",
       .store = [](b& to, const v& x) { to.current_upstream->breaker.failure_ratio = std::get<double>(x); }},
      {.path = "upstreams.*.breaker.min_requests",
       .kind = k::integer,
       .default_text = "10",
       .description = "Requests within the window before the share counts.",
       .store = store_count<&breaker::min_requests>,
       .least = 1,
       .most = 1'000'000},
      timeout("upstreams.*.breaker.window", "30s", "Time over which the share is taken.",
              store_pause<&breaker::window>),
      timeout("upstreams.*.breaker.open_for", "5s", "How long it stays open at first; doubles while that did not help.",
              store_pause<&breaker::open_for>),
      timeout("upstreams.*.breaker.open_for_max", "60s", "How long it stays open at most.",
              store_pause<&breaker::open_for_max>),
      container("upstreams.*.tls", k::map, "How its certificate is checked."),
      {.path = "upstreams.*.tls.ca_file",
       .kind = k::path,
       .description = "PEM file with the authorities to trust instead of the system's.",
       .store = [](b& to, const v& x) { to.current_upstream->tls.ca_file = text(x); }},
      {.path = "upstreams.*.tls.server_name",
       .kind = k::host,
       .description = "Name to ask for and to find in the certificate; absent: the URL's host.",
       .store = [](b& to, const v& x) { to.current_upstream->tls.server_name = text(x); }},

      container("upstreams.*.retry", k::map, "More tries at the same cloud, within a tenth of all requests."),
      {.path = "upstreams.*.retry.attempts",
       .kind = k::integer,
       .default_text = "0",
       .description = "How many beyond the first; 0: the local tier serves at once.",
       .store = [](b& to, const v& x) { to.current_upstream->retry.attempts = count(x); },
       .most = 5},
      timeout("upstreams.*.retry.max_wait", "2s", "The longest Retry-After that is waited for.",
              [](b& to, const v& x) { to.current_upstream->retry.max_wait = span(x); }),
      {.path = "upstreams.*.concurrency",
       .kind = k::integer,
       .default_text = "2",
       .description = "Local: generations at once per URL.",
       .store = [](b& to, const v& x) { to.current_upstream->concurrency = count(x); },
       .least = 1,
       .most = 10'000},
      {.path = "upstreams.*.context_tokens",
       .kind = k::auto_or_integer,
       .default_text = "auto",
       .description = "Local: the largest context to ask for; auto: what the model was trained for, at most 32768.",
       .store =
           [](b& to, const v& x) {
             to.current_upstream->context_tokens.reset();
             if (const auto* tokens = std::get_if<std::int64_t>(&x))
               to.current_upstream->context_tokens = static_cast<std::size_t>(*tokens);
           },
       .least = 512,
       .most = 16'777'216},
      container("upstreams.*.queue", k::map, "Local: requests that wait for a free place."),
      {.path = "upstreams.*.queue.limit",
       .kind = k::integer,
       .default_text = "64",
       .description = "How many may wait.",
       .store = [](b& to, const v& x) { to.current_upstream->queue.limit = count(x); },
       .most = 100'000},
      timeout("upstreams.*.queue.wait", "60s", "How long one may wait.",
              [](b& to, const v& x) { to.current_upstream->queue.wait = span(x); }),
      container("upstreams.*.keep_warm", k::list, "Local: models that are kept loaded.",
                [](b& to, const v&) { to.current_upstream->keep_warm.clear(); }),
      {.path = "upstreams.*.keep_warm[]",
       .kind = k::text,
       .description = "Name of a local model.",
       .store = [](b& to, const v& x) { to.current_upstream->keep_warm.push_back(text(x)); }},
      container("upstreams.*.readiness", k::map, "Local: the regular test of whether it really works."),
      timeout("upstreams.*.readiness.interval", "5m", "How often.",
              [](b& to, const v& x) { to.current_upstream->readiness.interval = span(x); }),
      {.path = "upstreams.*.readiness.min_tokens_per_second",
       .kind = k::number,
       .default_text = "5",
       .description = "Slower is degraded.",
       .store = [](b& to, const v& x) { to.current_upstream->readiness.min_tokens_per_second = std::get<double>(x); }},
      {.path = "upstreams.*.readiness.min_gpu_fraction",
       .kind = k::number,
       .default_text = "0.5",
       .description = "A smaller share of the model on the GPU is degraded; 0: the CPU will do.",
       .store = [](b& to, const v& x) { to.current_upstream->readiness.min_gpu_fraction = std::get<double>(x); }},
      timeout("upstreams.*.readiness.max_load_time", "60s", "Longer is degraded.",
              [](b& to, const v& x) { to.current_upstream->readiness.max_load_time = span(x); }),
  };
}

std::vector<key_row> routing_rows() {
  key_row hold_for = timeout("workflows.*.stream.hold_for", "0s",
                             "How long the first content is held back, so that an early cut can still be mended.",
                             [](b& to, const v& x) { to.current_workflow->hold_for = span(x); });
  hold_for.least = 0;
  hold_for.most = 60'000;
  static std::deque<std::string> names;  // rows hold views
  const auto parameter = [](std::string_view name, std::string_view description, void (*store)(b&, const v&)) {
    return key_row{.path = names.emplace_back("workflows.*.parameters." + std::string(name)),
                   .kind = k::number,
                   .description = description,
                   .store = store};
  };
  const auto whole_parameter = [](std::string_view name, std::string_view description, void (*store)(b&, const v&),
                                  std::int64_t least) {
    return key_row{.path = names.emplace_back("workflows.*.parameters." + std::string(name)),
                   .kind = k::integer,
                   .description = description,
                   .store = store,
                   .least = least,
                   .most = 2'147'483'647};
  };
  return {
      container("models", k::list,
                "What stands in for what; the first match wins; absent: chosen from what is installed.",
                [](b& to, const v&) { to.made.models.clear(); }),
      container("models[]", k::map, "One rule.",
                [](b& to, const v&) { to.current_rule = &to.made.models.emplace_back(); }),
      {.path = "models[].cloud",
       .kind = k::text,
       .description = "Name the caller asks for; `*` matches anything.",
       .store = [](b& to, const v& x) { to.current_rule->cloud = text(x); },
       .required = true},
      {.path = "models[].local",
       .kind = k::text,
       .description = "Local model that answers instead.",
       .store = [](b& to, const v& x) { to.current_rule->local = text(x); },
       .required = true},
      {.path = "models[].prefill",
       .kind = k::choice,
       .default_text = "auto",
       .description = "Whether the local model goes on with a begun answer; auto: the readiness test finds out.",
       .store = [](b& to, const v& x) { to.current_rule->prefill = prefill_of(x); },
       .choices = "auto|yes|no"},

      container("workflows", k::map_of, "Policies by name; `default` exists always.",
                [](b& to, const v&) {
                  to.made.workflows.clear();
                  to.made.workflows["default"].name = "default";
                }),
      container("workflows.*", k::map, "One workflow.",
                [](b& to, const v& x) {
                  to.current_workflow = &to.made.workflows[text(x)];
                  to.current_workflow->name = text(x);
                }),
      {.path = "workflows.*.policy",
       .kind = k::choice,
       .default_text = "cloud_first",
       .description = "Who may see its requests, and who is asked first.",
       .store = [](b& to, const v& x) { to.current_workflow->policy = *parse_policy(text(x)); },
       .choices = "cloud_first|local_first|cloud_only|local_only"},
      timeout("workflows.*.deadline", "15m", "The whole request, every attempt included.",
              [](b& to, const v& x) { to.current_workflow->deadline = span(x); }),
      {.path = "workflows.*.priority",
       .kind = k::choice,
       .default_text = "normal",
       .description = "Place in the queue for the local tier.",
       .store =
           [](b& to, const v& x) {
             to.current_workflow->priority = text(x) == "high"  ? priority::high
                                             : text(x) == "low" ? priority::low
                                                                : priority::normal;
           },
       .choices = "low|normal|high"},
      timeout("workflows.*.hedge_after", "", "Start the local model beside a cloud that has been silent for so long.",
              [](b& to, const v& x) { to.current_workflow->hedge_after = span(x); }),
      container("workflows.*.stream", k::map, "What happens to streams that are cut."),
      {.path = "workflows.*.stream.on_cut",
       .kind = k::choice,
       .default_text = "error",
       .description = "error: the caller is told. hold: nothing is sent before the answer is complete. continue: the "
                      "local model goes on where the text stopped.",
       .store =
           [](b& to, const v& x) {
             to.current_workflow->on_cut = text(x) == "hold"       ? on_cut::hold
                                           : text(x) == "continue" ? on_cut::continue_it
                                                                   : on_cut::error;
           },
       .choices = "error|hold|continue"},
      hold_for,
      {.path = "workflows.*.embeddings",
       .kind = k::choice,
       .default_text = "same_model",
       .description = "same_model: local vectors only of the very same model. any_model: of whatever `models` names.",
       .store = [](b& to, const v& x) { to.current_workflow->any_embedding_model = text(x) == "any_model"; },
       .choices = "same_model|any_model"},
      container("workflows.*.models", k::list, "Stand-ins of this workflow, looked at before the global ones.",
                [](b& to, const v&) { to.current_workflow->models.clear(); }),
      container("workflows.*.models[]", k::map, "One rule.",
                [](b& to, const v&) { to.current_rule = &to.current_workflow->models.emplace_back(); }),
      {.path = "workflows.*.models[].cloud",
       .kind = k::text,
       .description = "Name the caller asks for; `*` matches anything.",
       .store = [](b& to, const v& x) { to.current_rule->cloud = text(x); },
       .required = true},
      {.path = "workflows.*.models[].local",
       .kind = k::text,
       .description = "Local model that answers instead.",
       .store = [](b& to, const v& x) { to.current_rule->local = text(x); },
       .required = true},
      {.path = "workflows.*.models[].prefill",
       .kind = k::choice,
       .default_text = "auto",
       .description = "Whether the local model goes on with a begun answer.",
       .store = [](b& to, const v& x) { to.current_rule->prefill = prefill_of(x); },
       .choices = "auto|yes|no"},
      container("workflows.*.system_prompt", k::map, "Text for local models, which need to be told more."),
      {.path = "workflows.*.system_prompt.mode",
       .kind = k::choice,
       .default_text = "prepend",
       .description = "Before the caller's own system text, after it, or in its place.",
       .store =
           [](b& to, const v& x) {
             using mode = system_prompt::mode;
             to.current_workflow->system_prompt.where = text(x) == "append"    ? mode::append
                                                        : text(x) == "replace" ? mode::replace
                                                                               : mode::prepend;
           },
       .choices = "prepend|append|replace"},
      {.path = "workflows.*.system_prompt.text",
       .kind = k::prose,
       .description = "The text.",
       .store = [](b& to, const v& x) { to.current_workflow->system_prompt.text = text(x); },
       .required = true},
      container("workflows.*.parameters", k::map, "Sampling of local models, for what the caller left open."),
      parameter("temperature", "From 0 (always the likeliest word) to 2.", store_parameter<&parameters::temperature>),
      parameter("top_p", "Share of likely words to choose from.", store_parameter<&parameters::top_p>),
      parameter("min_p", "Least likelihood of a word, as a share of the likeliest.",
                store_parameter<&parameters::min_p>),
      parameter("frequency_penalty", "From -2 to 2.", store_parameter<&parameters::frequency_penalty>),
      parameter("presence_penalty", "From -2 to 2.", store_parameter<&parameters::presence_penalty>),
      parameter("repeat_penalty", "Above 1 makes repetitions less likely.",
                store_parameter<&parameters::repeat_penalty>),
      whole_parameter("top_k", "How many likely words to choose from.", store_parameter<&parameters::top_k>, 1),
      whole_parameter("seed", "Makes answers repeatable.", store_parameter<&parameters::seed>, 0),
      whole_parameter("max_tokens", "Longest answer.", store_parameter<&parameters::max_tokens>, 1),
  };
}

std::vector<key_row> other_rows() {
  const auto size = [](std::string_view path, std::string_view usual, std::string_view description,
                       void (*store)(b&, const v&), std::int64_t least, std::int64_t most) {
    return key_row{.path = path,
                   .kind = k::size,
                   .default_text = usual,
                   .description = description,
                   .store = store,
                   .least = least,
                   .most = most};
  };
  key_row drain = timeout("limits.drain", "30s", "Time for running requests when stopping; 0s ends them at once.",
                          store_limit<&limits::drain>);
  drain.least = 0;
  return {
      container("limits", k::map, "Bounds on what one caller, and all together, may use."),
      size("limits.request_body", "32MiB", "Largest request body.", store_limit<&limits::request_body>, 1, 64 * gib),
      size("limits.request_head", "64KiB", "Largest request line and headers.", store_limit<&limits::request_head>,
           1 * kib, 16 * mib),
      size("limits.response_body", "64MiB", "Largest answer that is not streamed.", store_limit<&limits::response_body>,
           1, 64 * gib),
      size("limits.replay_memory", "512MiB", "Memory for bodies that may have to be sent again.",
           store_limit<&limits::replay_memory>, 1, 1024 * gib),
      {.path = "limits.connections",
       .kind = k::integer,
       .default_text = "10000",
       .description = "Callers connected at once.",
       .store = store_limit<&limits::connections>,
       .least = 1,
       .most = 1'000'000},
      timeout("limits.head_timeout", "10s", "Time for a request's head to arrive.", store_limit<&limits::head_timeout>),
      timeout("limits.keep_alive", "75s", "How long an idle caller stays connected.", store_limit<&limits::keep_alive>),
      timeout("limits.write_stall", "60s", "How long a caller may stop reading.", store_limit<&limits::write_stall>),
      drain,

      container("hosts", k::list,
                "Names callers may use in Host besides IP addresses, localhost and this machine's name.",
                [](b& to, const v&) { to.made.hosts.clear(); }),
      {.path = "hosts[]",
       .kind = k::host,
       .description = "A host name without port.",
       .store = [](b& to, const v& x) { to.made.hosts.push_back(text(x)); }},

      later("cors", k::map, "Web pages that may call."),
      later("cors.origins", k::list, "Their origins."),
      later("cors.origins[]", k::text, "One origin."),

      container("contingency", k::map, "Contingency from the file: no cloud is asked."),
      container("contingency.workflows", k::list, "Workflows in contingency; `all` means every one."),
      {.path = "contingency.workflows[]",
       .kind = k::text,
       .description = "Name of a workflow, or all.",
       .store =
           [](b& to, const v& x) {
             if (text(x) == "all") {
               to.made.contingency.all_by_file = true;
             } else {
               to.made.contingency.by_file.push_back(text(x));
             }
           }},

      later("alerts", k::list, "Where alerts go."),
      later("alerts[]", k::map, "One channel."),
      later("alerts[].kind", k::choice, "Its kind.", "", "slack|teams|email|webhook|pagerduty|exec"),
      later("alerts[].name", k::text, "Its name."),
      later("alerts[].events", k::list, "Which alerts it gets."),
      later("alerts[].events[]", k::text, "Name of an alert."),
      later("alerts[].remind", k::span, "How often it repeats while open."),
      later("alerts[].url", k::mixed, "Where it is."),
      later("alerts[].secret", k::secret_ref, "Key of the signature."),
      later("alerts[].routing_key", k::secret_ref, "Key of the service."),
      later("alerts[].to", k::list, "Recipients."),
      later("alerts[].to[]", k::text, "An email address."),
      later("alerts[].from", k::text, "Sender."),
      later("alerts[].command", k::mixed, "Program to run."),

      later("drill", k::map, "Outage drills."),
      later("drill.remind_after", k::span, "When a drill is overdue.", "90d"),

      container("log", k::map, "What is written to standard error."),
      {.path = "log.level",
       .kind = k::choice,
       .default_text = "info",
       .description = "The least important kind of line.",
       .store =
           [](b& to, const v& x) {
             const auto& word = text(x);
             to.made.log.level = word == "trace"   ? log_level::trace
                                 : word == "debug" ? log_level::debug
                                 : word == "warn"  ? log_level::warn
                                 : word == "error" ? log_level::error
                                                   : log_level::info;
           },
       .choices = "trace|debug|info|warn|error"},
      {.path = "log.format",
       .kind = k::choice,
       .default_text = "auto",
       .description = "auto: text on a terminal, JSON elsewhere.",
       .store =
           [](b& to, const v& x) {
             const auto& word = text(x);
             to.made.log.format = word == "text"   ? log_format::text
                                  : word == "json" ? log_format::json
                                                   : log_format::automatic;
           },
       .choices = "auto|text|json"},
      {.path = "headers",
       .kind = k::choice,
       .default_text = "standard",
       .description = "standard: answers carry X-Tideover-* headers. none: they do not.",
       .store = [](b& to, const v& x) { to.made.response_headers = text(x) == "standard"; },
       .choices = "standard|none"},
  };
}

struct built_tree {
  std::deque<key_node> nodes;  // stable addresses
  key_node root;

  built_tree() {
    std::map<std::string_view, key_node*> by_path;
    for (const auto& row : key_table()) {
      key_node& node = nodes.emplace_back();
      node.row = &row;
      by_path[row.path] = &node;
      if (row.path.ends_with("[]")) {
        by_path.at(row.path.substr(0, row.path.size() - 2))->element = &node;
        continue;
      }
      const auto dot = row.path.rfind('.');
      const auto name = dot == std::string_view::npos ? row.path : row.path.substr(dot + 1);
      key_node& parent = dot == std::string_view::npos ? root : *by_path.at(row.path.substr(0, dot));
      if (name == "*") {
        parent.any_key = &node;
      } else {
        parent.keys.emplace_back(name, &node);
      }
    }
  }
};

}  // namespace

const std::vector<key_row>& key_table() {
  static const std::vector<key_row> rows = [] {
    std::vector<key_row> all;
    for (auto& part : {listener_rows(), upstream_rows(), routing_rows(), other_rows()})
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return rows;
}

const key_node& key_tree() {
  static const built_tree tree;
  return tree.root;
}

const key_node* key_node::find(std::string_view key) const {
  for (const auto& [name, node] : keys)
    if (name == key) return node;
  return nullptr;
}

std::string_view what_is_wanted(value_kind kind) {
  switch (kind) {
    case value_kind::map: return "keys and values";
    case value_kind::map_of: return "names with keys and values below each";
    case value_kind::list: return "a list, such as [a, b]";
    case value_kind::text:
    case value_kind::prose: return "a text";
    case value_kind::path: return "the path of a file";
    case value_kind::socket_path: return "the path of a unix socket";
    case value_kind::boolean: return "true or false";
    case value_kind::integer: return "a whole number";
    case value_kind::auto_or_integer: return "auto or a whole number";
    case value_kind::number: return "a number";
    case value_kind::span: return "a duration such as 500ms, 3s, 5m or 2h";
    case value_kind::size: return "a size such as 64KiB or 32MiB";
    case value_kind::choice: return "one word";
    case value_kind::web_address: return "a URL such as https://api.openai.com";
    case value_kind::address: return "an address such as 127.0.0.1:6837";
    case value_kind::secret_ref: return "a reference: {env: NAME}, {file: PATH} or {credential: NAME}";
    case value_kind::host: return "a host name";
    case value_kind::mixed: return "a value";
  }
  return "a value";
}

}  // namespace tideover::config
