// Retry-After and its vendor forms, whose values are clamped whatever they say (RFC 9110 §10.2.3, §5.6.7).
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>

#include "tideover/policy/classify.hpp"

namespace tideover::policy {
namespace {

using namespace std::chrono_literals;

constexpr duration shortest = 1s;
constexpr duration longest = 10min;

/// A decimal number as milliseconds, clamped: `12`, `0.5`, `-3`, `1e20` spelled out. Nothing when it is no number.
std::optional<duration> number(std::string_view text, std::int64_t milliseconds_per_unit) {
  bool const negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  auto const point = text.find('.');
  auto const whole = text.substr(0, point);
  auto const fraction = point == std::string_view::npos ? std::string_view{} : text.substr(point + 1);
  auto const is_digits = [](std::string_view digits) {
    return digits.find_first_not_of("0123456789") == std::string_view::npos;
  };
  if (whole.empty() || !is_digits(whole) || !is_digits(fraction)) return std::nullopt;
  if (point != std::string_view::npos && fraction.empty()) return std::nullopt;
  if (negative) return shortest;

  std::int64_t units = 0;
  auto const [end, error] = std::from_chars(whole.data(), whole.data() + whole.size(), units);
  if (error == std::errc::result_out_of_range || units > 1'000'000) return longest;
  std::int64_t milliseconds = units * milliseconds_per_unit;
  std::int64_t weight = milliseconds_per_unit;
  for (char const digit : fraction.substr(0, 3)) {
    weight /= 10;
    milliseconds += weight * (digit - '0');
  }
  return std::clamp<duration>(std::chrono::milliseconds(milliseconds), shortest, longest);
}

/// Reads the three date forms of HTTP from front to back; every step says whether it fitted.
class date_reader {
 public:
  explicit date_reader(std::string_view text) : rest_(text) {}

  bool literal(std::string_view expected) {
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(expected.size());
    return true;
  }
  bool letters() {  // the name of the day, which the date makes redundant
    std::size_t n = 0;
    while (n < rest_.size() && to_lower(rest_[n]) >= 'a' && to_lower(rest_[n]) <= 'z') ++n;
    rest_.remove_prefix(n);
    return n >= 3;
  }
  bool digits(std::size_t count, int& value) {
    if (rest_.size() < count) return false;
    auto const [end, error] = std::from_chars(rest_.data(), rest_.data() + count, value);
    if (error != std::errc{} || end != rest_.data() + count || value < 0) return false;
    rest_.remove_prefix(count);
    return true;
  }
  bool month(unsigned& value) {
    constexpr std::array<std::string_view, 12> names{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    for (unsigned i = 0; i < names.size(); ++i)
      if (literal(names[i])) return value = i + 1, true;
    return false;
  }
  bool time_of_day(int& seconds) {
    int h = 0, m = 0, s = 0;
    if (!digits(2, h) || !literal(":") || !digits(2, m) || !literal(":") || !digits(2, s)) return false;
    if (h > 23 || m > 59 || s > 60) return false;  // 60: a leap second
    seconds = h * 3600 + m * 60 + s;
    return true;
  }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

struct calendar {
  int year = 0;
  unsigned month = 0;
  int day = 0;
  int seconds = 0;

  std::optional<std::int64_t> unix_seconds() const {
    auto const date =
        std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(static_cast<unsigned>(day));
    if (!date.ok()) return std::nullopt;
    return std::chrono::sys_days(date).time_since_epoch() / 1s + seconds;
  }
};

std::optional<std::int64_t> imf_fixdate(std::string_view text) {  // Sun, 06 Nov 1994 08:49:37 GMT
  date_reader in(text);
  calendar c;
  if (in.letters() && in.literal(", ") && in.digits(2, c.day) && in.literal(" ") && in.month(c.month) &&
      in.literal(" ") && in.digits(4, c.year) && in.literal(" ") && in.time_of_day(c.seconds) && in.literal(" GMT") &&
      in.at_end())
    return c.unix_seconds();
  return std::nullopt;
}

std::optional<std::int64_t> rfc850_date(std::string_view text) {  // Sunday, 06-Nov-94 08:49:37 GMT
  date_reader in(text);
  calendar c;
  if (in.letters() && in.literal(", ") && in.digits(2, c.day) && in.literal("-") && in.month(c.month) &&
      in.literal("-") && in.digits(2, c.year) && in.literal(" ") && in.time_of_day(c.seconds) && in.literal(" GMT") &&
      in.at_end()) {
    c.year += c.year < 70 ? 2000 : 1900;
    return c.unix_seconds();
  }
  return std::nullopt;
}

std::optional<std::int64_t> asctime_date(std::string_view text) {  // Sun Nov  6 08:49:37 1994
  date_reader in(text);
  calendar c;
  if (in.letters() && in.literal(" ") && in.month(c.month) && in.literal(" ") &&
      (in.literal(" ") ? in.digits(1, c.day) : in.digits(2, c.day)) && in.literal(" ") && in.time_of_day(c.seconds) &&
      in.literal(" ") && in.digits(4, c.year) && in.at_end())
    return c.unix_seconds();
  return std::nullopt;
}

std::optional<duration> date(std::string_view text, std::int64_t now_unix) {
  auto when = imf_fixdate(text);
  if (!when) when = rfc850_date(text);
  if (!when) when = asctime_date(text);
  if (!when) return std::nullopt;
  // Compared before subtracting into a duration: a date in the year 9999 must not overflow.
  if (*when <= now_unix) return shortest;
  if (*when - now_unix > longest / 1s) return longest;
  return std::clamp<duration>(std::chrono::seconds(*when - now_unix), shortest, longest);
}

}  // namespace

std::optional<duration> retry_after(const header_fields& fields, std::int64_t now_unix) {
  // Milliseconds first, as the vendors' own clients read them: they are the more exact of the two (CL §6.1).
  if (const auto* f = fields.find("retry-after-ms"))
    if (auto const wait = number(f->value, 1)) return wait;
  if (const auto* f = fields.find("retry-after")) {
    if (auto const wait = number(f->value, 1000)) return wait;
    return date(f->value, now_unix);
  }
  return std::nullopt;
}

}  // namespace tideover::policy
