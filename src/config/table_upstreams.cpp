// Keys of the clouds and the local servers.
#include "table_rows.hpp"

namespace tideover::config::rows {
namespace {

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

}  // namespace

std::vector<key_row> upstreams() {
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
       .store = [](b& to, const v& x) { to.current_upstream->urls.push_back(std::get<url>(x)); },
       .example = "https://api.openai.com"},
      container("upstreams.*.urls", k::list, "The same as a list: several local servers share the requests."),
      {.path = "upstreams.*.urls[]",
       .kind = k::web_address,
       .description = "Where it is.",
       .store = [](b& to, const v& x) { to.current_upstream->urls.push_back(std::get<url>(x)); },
       .example = "http://127.0.0.1:11434"},
      {.path = "upstreams.*.credential",
       .kind = k::secret_ref,
       .description = "Key that is sent instead of the caller's own; absent: the caller's own.",
       .store = [](b& to, const v& x) { to.current_upstream->credential = std::get<secret>(x); },
       .example = "{env: OPENAI_API_KEY}"},
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
       .store = [](b& to, const v& x) { to.current_upstream->tls.ca_file = text(x); },
       .example = "/etc/tideover/ca.pem"},
      {.path = "upstreams.*.tls.server_name",
       .kind = k::host,
       .description = "Name to ask for and to find in the certificate; absent: the URL's host.",
       .store = [](b& to, const v& x) { to.current_upstream->tls.server_name = text(x); },
       .example = "api.openai.com"},

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
       .store = [](b& to, const v& x) { to.current_upstream->keep_warm.push_back(text(x)); },
       .example = "llama3.1:8b"},
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

}  // namespace tideover::config::rows
