#include "tideover/config/values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <vector>

#include "tideover/core/http_message.hpp"

namespace tideover::config {
namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

struct unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array<unit, 5> time_units{
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};  // in milliseconds
constexpr std::array<unit, 4> size_units{{{"B", 1}, {"KiB", 1u << 10}, {"MiB", 1u << 20}, {"GiB", 1u << 30}}};

struct amount {
  std::uint64_t number = 0;
  std::string_view unit;
  bool well_formed = false;
  bool too_large = false;
};

amount split_amount(std::string_view text) {
  amount result;
  std::size_t digits = 0;
  while (digits < text.size() && is_digit(text[digits])) ++digits;
  if (digits == 0) return result;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + digits, result.number);
  result.too_large = ec == std::errc::result_out_of_range;
  result.unit = text.substr(static_cast<std::size_t>(end - text.data()));
  result.well_formed = std::all_of(result.unit.begin(), result.unit.end(), is_letter);
  return result;
}

}  // namespace

parsed<expanded> expand_variables(std::string_view text, const environment_lookup& environment) {
  using out = parsed<expanded>;
  expanded result;
  while (!text.empty()) {
    const auto dollar = text.find('$');
    result.text += text.substr(0, dollar);
    if (dollar == std::string_view::npos) break;
    text.remove_prefix(dollar + 1);
    if (text.starts_with('$')) {
      result.text += '$';
      text.remove_prefix(1);
      continue;
    }
    if (!text.starts_with('{'))
      return out::bad("a single `$` means nothing here: write `$$` for a dollar sign, `${NAME}` for a variable");
    const auto close = text.find('}');
    if (close == std::string_view::npos) return out::bad("`${` is not closed: write `${NAME}` or `${NAME:-default}`");
    std::string_view inside = text.substr(1, close - 1);
    text.remove_prefix(close + 1);
    std::optional<std::string_view> fallback;
    if (const auto mark = inside.find(":-"); mark != std::string_view::npos) {
      fallback = inside.substr(mark + 2);
      inside = inside.substr(0, mark);
    }
    const bool name_is_good =
        !inside.empty() && !is_digit(inside.front()) &&
        std::all_of(inside.begin(), inside.end(), [](char c) { return is_digit(c) || is_letter(c) || c == '_'; });
    if (!name_is_good)
      return out::bad("what stands in `${…}` is not a variable: write `${NAME}` or `${NAME:-default}`");
    const auto found = environment ? environment(std::string(inside)) : std::nullopt;
    if (fallback && (!found || found->empty())) {
      result.text += *fallback;
    } else if (found) {
      result.text += *found;
    } else {
      return out::bad("the environment variable " + printable(inside) + " is not set: set it, or write `${" +
                      printable(inside) + ":-default}`");
    }
    result.changed = true;
  }
  return out::good(std::move(result));
}

parsed<duration> parse_duration(std::string_view text) {
  using out = parsed<duration>;
  constexpr std::uint64_t most = 3650ull * 86'400'000;  // ten years: far from overflow in nanoseconds
  const auto a = split_amount(text);
  if (!a.well_formed)
    return out::bad("is not a duration: write a whole number and a unit, such as 500ms, 3s, 5m or 2h");
  if (a.unit.empty()) return out::bad("has no unit: write it as a duration, such as 500ms, 3s, 5m or 2h");
  for (const auto& u : time_units) {
    if (u.name != a.unit) continue;
    if (a.too_large || a.number > most / u.factor) return out::bad("is too long: ten years are the most that fit");
    return out::good(std::chrono::milliseconds(a.number * u.factor));
  }
  return out::bad("has an unknown unit: durations end in ms, s, m, h or d, such as 500ms, 3s, 5m or 2h");
}

parsed<std::uint64_t> parse_size(std::string_view text) {
  using out = parsed<std::uint64_t>;
  const auto a = split_amount(text);
  if (!a.well_formed) return out::bad("is not a size: write a whole number and a unit, such as 64KiB or 32MiB");
  if (a.unit.empty()) return out::bad("has no unit: write it as a size, such as 512B, 64KiB, 32MiB or 1GiB");
  for (const auto& u : size_units) {
    if (u.name != a.unit) continue;
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (a.too_large || a.number > most / u.factor) return out::bad("is too large");
    return out::good(a.number * u.factor);
  }
  return out::bad("has an unknown unit: sizes end in B, KiB, MiB or GiB (powers of 1024), such as 64KiB or 32MiB");
}

parsed<std::int64_t> parse_integer(std::string_view text) {
  using out = parsed<std::int64_t>;
  std::int64_t number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec == std::errc::result_out_of_range) return out::bad("is out of range");
  if (ec != std::errc{} || end != text.data() + text.size())
    return out::bad("is not a whole number: write digits only, such as 100");
  return out::good(number);
}

parsed<double> parse_number(std::string_view text) {
  using out = parsed<double>;
  double number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc{} || end != text.data() + text.size() || !std::isfinite(number))
    return out::bad("is not a number: write digits and a point, such as 0.5");
  return out::good(number);
}

parsed<bool> parse_bool(std::string_view text) {
  if (text == "true") return parsed<bool>::good(true);
  if (text == "false") return parsed<bool>::good(false);
  return parsed<bool>::bad("must be true or false");
}

std::string duration_text(duration span) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(span).count();
  for (auto u = time_units.rbegin(); u != time_units.rend(); ++u) {
    const auto factor = static_cast<std::int64_t>(u->factor);
    if (ms != 0 && ms % factor == 0) return std::to_string(ms / factor) + std::string(u->name);
  }
  return std::to_string(ms) + "ms";
}

std::string size_text(std::uint64_t bytes) {
  for (auto u = size_units.rbegin(); u != size_units.rend(); ++u)
    if (bytes != 0 && bytes % u->factor == 0) return std::to_string(bytes / u->factor) + std::string(u->name);
  return std::to_string(bytes) + "B";
}

bool is_plain_name(std::string_view text, bool dots) {
  if (text.empty() || text.size() > 64 || !(is_letter(text.front()) || is_digit(text.front()))) return false;
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '-' || (dots && c == '.'); });
}

std::string printable(std::string_view text) {
  constexpr std::size_t most = 120;
  std::string result;
  std::size_t i = 0;
  while (i < text.size() && result.size() < most) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // Only well-formed UTF-8 outside the C0 and C1 controls reaches a terminal or a JSON document.
    const std::size_t length = byte < 0x80                   ? 1
                               : byte >= 0xc2 && byte < 0xe0 ? 2
                               : byte >= 0xe0 && byte < 0xf0 ? 3
                               : byte >= 0xf0 && byte < 0xf5 ? 4
                                                             : 0;
    bool fine = length != 0 && i + length <= text.size() && byte >= 0x20 && byte != 0x7f;
    for (std::size_t k = 1; fine && k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      fine = (next & 0xc0) == 0x80;
      if (k != 1) continue;
      if (byte == 0xc2 && next < 0xa0) fine = false;                     // C1 controls
      if (byte == 0xe0 && next < 0xa0) fine = false;                     // overlong
      if (byte == 0xed && next > 0x9f) fine = false;                     // surrogates
      if (byte == 0xf0 && next < 0x90) fine = false;                     // overlong
      if (byte == 0xf4 && next > 0x8f) fine = false;                     // beyond Unicode
      if (byte == 0xe2 && (next == 0x80 || next == 0x81)) fine = false;  // separators and direction marks
    }
    if (fine) {
      result += text.substr(i, length);
      i += length;
    } else {
      result += '?';
      ++i;
    }
  }
  if (i < text.size()) result += "…";
  return result;
}

unsigned edit_distance(std::string_view a, std::string_view b) {
  constexpr std::size_t longest = 40;  // no key is longer; a slip of the finger in a novel is none
  if (a.size() > longest || b.size() > longest) return std::numeric_limits<unsigned>::max();
  // Damerau's distance: swapped neighbours are one slip, as in `tiemouts`.
  std::array<std::array<unsigned, longest + 1>, longest + 1> d{};
  for (unsigned i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (unsigned j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const unsigned change = to_lower(a[i - 1]) == to_lower(b[j - 1]) ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace tideover::config
