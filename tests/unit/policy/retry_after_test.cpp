#include <gtest/gtest.h>

#include "tideover/policy/classify.hpp"
#include "unit/policy/examples.hpp"

namespace tideover::policy {
namespace {

using namespace examples;
using namespace std::chrono_literals;

constexpr std::int64_t now = 784111777;  // Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110 §5.6.7

std::optional<duration> wait(std::string_view name, std::string_view value) {
  return retry_after(fields({{name, value}}), now);
}

TEST(RetryAfter, IsClampedWhateverItSays) {
  struct {
    std::string_view value;
    duration expected;
  } const rows[] = {
      {"1", 1s},
      {"2", 2s},
      {"30", 30s},
      {"600", 10min},
      {"601", 10min},
      {"0", 1s},
      {"0.5", 1s},
      {"1.5", 1500ms},
      {"2.0009", 2s},
      {"599.999", 599999ms},
      {"-5", 1s},
      {"+7", 7s},
      {"007", 7s},
      {"100000000000000000000", 10min},
      {"9223372036854775807", 10min},
      {"-100000000000000000000", 1s},
      {"Sun, 06 Nov 1994 08:49:37 GMT", 1s},
      {"Sun, 06 Nov 1994 08:49:38 GMT", 1s},
      {"Sun, 06 Nov 1994 08:49:39 GMT", 2s},
      {"Sun, 06 Nov 1994 08:59:37 GMT", 10min},
      {"Sun, 06 Nov 1994 08:59:38 GMT", 10min},
      {"Fri, 31 Dec 9999 23:59:59 GMT", 10min},
      {"Thu, 01 Jan 1970 00:00:00 GMT", 1s},
      {"Sunday, 06-Nov-94 08:50:07 GMT", 30s},
      {"Sun Nov  6 08:50:07 1994", 30s},
      {"Sun Nov 06 08:50:07 1994", 30s},
  };
  for (const auto& row : rows) EXPECT_EQ(wait("Retry-After", row.value), row.expected) << row.value;
}

TEST(RetryAfter, GarbageIsNoAdvice) {
  for (std::string_view const value : {"",
                                       "soon",
                                       "1s",
                                       "1e3",
                                       "0x10",
                                       "1.",
                                       ".5",
                                       "1.x",
                                       "--1",
                                       "-",
                                       "NaN",
                                       "inf",
                                       "1 2",
                                       "Sun, 06 Nov 1994 08:49:37",
                                       "Sun, 31 Feb 1994 08:49:37 GMT",
                                       "Sun, 06 Nov 1994 24:00:00 GMT",
                                       "Sun, 06 Foo 1994 08:49:37 GMT",
                                       "Sun, 06 Nov 1994 08:49:37 CET",
                                       "1994-11-06T08:49:37Z",
                                       "Sun, 06 Nov 1994 08:49:37 GMT ",
                                       "\xff\xfe"})
    EXPECT_EQ(wait("Retry-After", value), std::nullopt) << value;
  EXPECT_EQ(retry_after({}, now), std::nullopt);
}

TEST(RetryAfter, MillisecondsComeFirstUnlessTheyAreGarbage) {
  EXPECT_EQ(wait("retry-after-ms", "2500"), 2500ms);
  EXPECT_EQ(wait("retry-after-ms", "1"), 1s);
  EXPECT_EQ(wait("retry-after-ms", "99999999999999999999"), 10min);
  EXPECT_EQ(wait("retry-after-ms", "700000"), 10min);
  EXPECT_EQ(retry_after(fields({{"Retry-After", "30"}, {"Retry-After-Ms", "2500"}}), now), 2500ms);
  EXPECT_EQ(retry_after(fields({{"Retry-After", "30"}, {"Retry-After-Ms", "x"}}), now), 30s);
}

}  // namespace
}  // namespace tideover::policy
