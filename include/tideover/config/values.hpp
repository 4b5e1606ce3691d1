// How single values of the configuration are written: durations, sizes, addresses, URLs, names, ${VAR}.
// Not for keys, files or places: a text goes in, a value or a sentence for the operator comes out.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "tideover/config/snapshot.hpp"

namespace tideover::config {

/// A value, or why there is none: a sentence that says what to write instead. The sentence never repeats the text
/// it is about, because that may be a secret in the wrong place.
template <class T>
struct parsed {
  std::optional<T> value;
  std::string error;

  static parsed good(T v) { return {std::move(v), {}}; }
  static parsed bad(std::string why) { return {std::nullopt, std::move(why)}; }
  explicit operator bool() const { return value.has_value(); }
  const T& operator*() const { return *value; }
};

using environment_lookup = std::function<std::optional<std::string>(const std::string& name)>;

struct expanded {
  std::string text;
  bool changed = false;  // a variable was put in: the text is no longer what the file shows
};

/// `${VAR}`, `${VAR:-x}` (x when VAR is unset or empty) and `$$`. A `$` that is none of these is an error.
parsed<expanded> expand_variables(std::string_view text, const environment_lookup& environment);

parsed<duration> parse_duration(std::string_view text);     // 500ms 3s 5m 2h 90d
parsed<std::uint64_t> parse_size(std::string_view text);    // 512B 64KiB 32MiB 1GiB
parsed<std::int64_t> parse_integer(std::string_view text);  // decimal
parsed<double> parse_number(std::string_view text);
parsed<bool> parse_bool(std::string_view text);  // true or false

/// `127.0.0.1:6837`, `[::1]:6837`, `localhost:0`
parsed<address> parse_address(std::string_view text);
std::string to_string(const address& at);

struct url_reading {
  url where;
  bool v1_dropped = false;  // the text ended in /v1, which callers' paths begin with already
};

/// An upstream's `http://` or `https://` URL. User names and passwords are refused, never repeated.
parsed<url_reading> parse_url(std::string_view text);

/// The origin of web pages, as browsers write it in Origin (RFC 6454 §6.1): lower case, the scheme's own port left out.
/// Schemes of app shells (`tauri://localhost`, `app://obsidian.md`) are origins too; `*` and `null` are none.
parsed<std::string> parse_origin(std::string_view text);

/// $OLLAMA_HOST as Ollama's own client reads it: scheme and port may be missing, an address to listen on everywhere
/// (0.0.0.0, ::) is read as loopback.
parsed<url_reading> parse_ollama_host(std::string_view text);

/// The way back, for messages and the schema: 90000ms -> "90s".
std::string duration_text(duration span);
std::string size_text(std::uint64_t bytes);

/// Is this a literal IP address? What kind of network does it belong to? Names are never looked up.
enum class host_kind : std::uint8_t {
  name,         // not an IP literal
  loopback,     // 127.0.0.0/8, ::1, `localhost`, `*.localhost` (RFC 6761 §6.3)
  private_net,  // RFC 1918, RFC 6598, link-local, unique local: does not leave the house
  unspecified,  // 0.0.0.0, ::
  public_net,   // everything else
};
host_kind kind_of_host(std::string_view host);

/// A host name as RFC 1123 §2.1 allows it; names whose last label is a number are refused, because name lookup would
/// read `134744072` as 8.8.8.8.
bool is_host_name(std::string_view text);

/// Names of upstreams and workflows: letters, digits, `_`, `-` and, for workflows, `.`; at most 64.
bool is_plain_name(std::string_view text, bool dots);

/// `text` fit for a terminal: control characters and bytes that are not UTF-8 text replaced, long texts cut.
std::string printable(std::string_view text);

/// The word of `words` that is nearest to `text`, if it is near enough to be a slip of the finger.
template <class Words>
std::string_view nearest(std::string_view text, const Words& words);
unsigned edit_distance(std::string_view a, std::string_view b);

template <class Words>
std::string_view nearest(std::string_view text, const Words& words) {
  std::string_view best;
  unsigned best_distance = text.size() <= 4 ? 2 : 3;  // smaller than this counts
  for (std::string_view word : words) {
    const unsigned distance = edit_distance(text, word);
    if (distance < best_distance && distance < word.size()) {
      best = word;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace tideover::config
