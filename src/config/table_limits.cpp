// Keys of bounds on everybody, and all that belongs to no upstream and no workflow.
#include "table_rows.hpp"

namespace tideover::config::rows {
namespace {

template <duration limits::*Field>
void store_limit(b& to, const v& x) {
  to.made.limits.*Field = span(x);
}
template <std::size_t limits::*Field>
void store_limit(b& to, const v& x) {
  to.made.limits.*Field = bytes(x);
}

}  // namespace

std::vector<key_row> the_rest() {
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
      {.path = "limits.connections_per_address",
       .kind = k::auto_or_integer,
       .default_text = "auto",
       .description =
           "Of those, from one address (IPv6: one /64). auto: half of limits.connections from another machine, no "
           "limit from loopback. A number holds for all. Behind a reverse proxy: the number of limits.connections.",
       .store =
           [](b& to, const v& x) {
             to.made.limits.connections_per_address.reset();
             if (const auto* most = std::get_if<std::int64_t>(&x))
               to.made.limits.connections_per_address = static_cast<std::size_t>(*most);
           },
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
       .store = [](b& to, const v& x) { to.made.hosts.push_back(text(x)); },
       .example = "ai.example.com"},

      container("cors", k::map, "Web pages that may call the proxy; none unless they are named."),
      container("cors.origins", k::list, "Their origins. Requests from pages of any other origin are refused.",
                [](b& to, const v&) { to.made.page_origins.clear(); }),
      {.path = "cors.origins[]",
       .kind = k::origin,
       .description = "One origin as a browser writes it: SCHEME://HOST[:PORT].",
       .store = [](b& to, const v& x) { to.made.page_origins.push_back(text(x)); },
       .example = "https://app.example.com"},

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
           },
       .example = "legal"},

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

      container("log", k::map, "What is written to standard output: a line per request, per event, per message."),
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
       .description = "standard: answers carry X-Tideover-* headers. none: none but X-Tideover-Estimate on estimates.",
       .store = [](b& to, const v& x) { to.made.response_headers = text(x) == "standard"; },
       .choices = "standard|none"},
  };
}

}  // namespace tideover::config::rows
