#include "tideover/config/values.hpp"

#include <gtest/gtest.h>

#include <map>

namespace tideover::config {
namespace {

using namespace std::chrono_literals;

TEST(Durations, AreWholeNumbersWithAUnit) {
  struct row {
    std::string_view text;
    std::optional<duration> expected;
  };
  for (const auto& [text, expected] : std::initializer_list<row>{
           {"0s", 0s},
           {"1ms", 1ms},
           {"500ms", 500ms},
           {"3s", 3s},
           {"5m", 5min},
           {"2h", 2h},
           {"90d", 90 * 24h},
           {"3650d", 3650 * 24h},
           {"3651d", std::nullopt},
           {"9223372036854775807ms", std::nullopt},
           {"99999999999999999999999ms", std::nullopt},
           {"", std::nullopt},
           {"3", std::nullopt},
           {"s", std::nullopt},
           {"-3s", std::nullopt},
           {"+3s", std::nullopt},
           {"1.5s", std::nullopt},
           {"3 s", std::nullopt},
           {" 3s", std::nullopt},
           {"3s ", std::nullopt},
           {"3S", std::nullopt},
           {"3sec", std::nullopt},
           {"1h30m", std::nullopt},
           {"3us", std::nullopt},
           {"1e3s", std::nullopt},
       }) {
    const auto result = parse_duration(text);
    EXPECT_EQ(result.value, expected) << '"' << text << '"';
    EXPECT_EQ(result.error.empty(), expected.has_value()) << '"' << text << '"';
  }
}

TEST(Durations, ABareNumberIsToldWhichUnitsThereAre) {
  EXPECT_NE(parse_duration("30").error.find("has no unit"), std::string::npos);
  EXPECT_NE(parse_duration("30").error.find("500ms, 3s, 5m or 2h"), std::string::npos);
}

TEST(Sizes, ArePowersOf1024WithAUnit) {
  struct row {
    std::string_view text;
    std::optional<std::uint64_t> expected;
  };
  for (const auto& [text, expected] : std::initializer_list<row>{
           {"0B", 0},
           {"512B", 512},
           {"64KiB", 65536},
           {"32MiB", 33554432},
           {"1GiB", 1073741824},
           {"8589934591GiB", 9223372035781033984u},
           {"8589934592GiB", std::nullopt},
           {"18446744073709551616B", std::nullopt},
           {"64", std::nullopt},
           {"64KB", std::nullopt},
           {"64k", std::nullopt},
           {"64kib", std::nullopt},
           {"64 KiB", std::nullopt},
           {"-1B", std::nullopt},
           {"1.5MiB", std::nullopt},
           {"KiB", std::nullopt},
       })
    EXPECT_EQ(parse_size(text).value, expected) << '"' << text << '"';
}

TEST(Values, AreWrittenTheWayTheyAreRead) {
  for (const auto text : {"1ms", "1500ms", "3s", "90s", "10m", "2h", "1d"})
    EXPECT_EQ(duration_text(*parse_duration(text)), text);
  EXPECT_EQ(duration_text(60s), "1m");
  EXPECT_EQ(duration_text(0s), "0ms");
  for (const auto text : {"1B", "1000B", "64KiB", "32MiB", "1GiB"}) EXPECT_EQ(size_text(*parse_size(text)), text);
  EXPECT_EQ(size_text(0), "0B");
}

TEST(Variables, ArePutInOrRefused) {
  const std::map<std::string, std::string> set{{"A", "one"}, {"EMPTY", ""}, {"DOLLAR", "${A}"}};
  const auto look = [&](const std::string& name) -> std::optional<std::string> {
    const auto it = set.find(name);
    return it == set.end() ? std::nullopt : std::optional(it->second);
  };
  struct row {
    std::string_view text;
    std::optional<std::string> expected;
    bool changed = false;
  };
  for (const auto& [text, expected, changed] : std::initializer_list<row>{
           {"", ""},
           {"plain", "plain"},
           {"${A}", "one", true},
           {"x${A}y${A}z", "xoneyonez", true},
           {"$$", "$"},
           {"$${A}", "${A}"},
           {"$$$$", "$$"},
           {"${EMPTY}", "", true},
           {"${EMPTY:-x}", "x", true},
           {"${NONE:-x}", "x", true},
           {"${NONE:-}", "", true},
           {"${A:-x}", "one", true},
           {"${NONE:-a:-b}", "a:-b", true},
           {"${DOLLAR}", "${A}", true},  // what a variable holds is not looked at again
           {"${NONE}", std::nullopt},
           {"$A", std::nullopt},
           {"$", std::nullopt},
           {"a$", std::nullopt},
           {"${A", std::nullopt},
           {"${}", std::nullopt},
           {"${:-x}", std::nullopt},
           {"${1A}", std::nullopt},
           {"${A B}", std::nullopt},
           {"${A-x}", std::nullopt},
       }) {
    const auto result = expand_variables(text, look);
    ASSERT_EQ(result.value.has_value(), expected.has_value()) << text;
    if (!expected) continue;
    EXPECT_EQ((*result).text, *expected) << text;
    EXPECT_EQ((*result).changed, changed) << text;
  }
}

TEST(Addresses, AreHostAndPort) {
  struct row {
    std::string_view text;
    std::string_view host;
    int port = -1;  // -1: refused
  };
  for (const auto& [text, host, port] : std::initializer_list<row>{
           {"127.0.0.1:6837", "127.0.0.1", 6837},
           {"127.0.0.1:0", "127.0.0.1", 0},
           {"127.0.0.1:65535", "127.0.0.1", 65535},
           {"0.0.0.0:1", "0.0.0.0", 1},
           {"[::1]:6837", "::1", 6837},
           {"[::]:6837", "::", 6837},
           {"[FE80::1]:1", "fe80::1", 1},
           {"LocalHost:80", "localhost", 80},
           {"127.0.0.1:65536", ""},
           {"127.0.0.1:-1", ""},
           {"127.0.0.1:", ""},
           {"127.0.0.1:6837x", ""},
           {"127.0.0.1", ""},
           {"6837", ""},
           {":6837", ""},
           {"*:6837", ""},
           {"::1:6837", ""},
           {"[::1]", ""},
           {"[::1:6837", ""},
           {"[127.0.0.1]:1", ""},
           {"256.0.0.1:1", ""},
           {"127.1:1", ""},
           {"2130706433:1", ""},
           {"a b:1", ""},
           {"http://127.0.0.1:6837", ""},
           {"", ""},
       }) {
    const auto result = parse_address(text);
    EXPECT_EQ(result.value.has_value(), port >= 0) << text;
    if (port < 0 || !result) continue;
    EXPECT_EQ((*result).host, host) << text;
    EXPECT_EQ((*result).port, port) << text;
  }
  EXPECT_EQ(to_string(address{"::1", 80}), "[::1]:80");
  EXPECT_EQ(to_string(address{"localhost", 0}), "localhost:0");
}

TEST(Urls, AreTakenApartAndFilledIn) {
  struct row {
    std::string_view text;
    std::string_view back;  // as to_string() writes it; empty: refused
    bool v1_dropped = false;
  };
  for (const auto& [text, back, v1_dropped] : std::initializer_list<row>{
           {"https://api.openai.com", "https://api.openai.com"},
           {"https://api.openai.com/", "https://api.openai.com"},
           {"https://API.OpenAI.com:443/", "https://api.openai.com"},
           {"HTTPS://api.openai.com", "https://api.openai.com"},
           {"http://127.0.0.1:11434", "http://127.0.0.1:11434"},
           {"http://[::1]:80", "http://[::1]"},
           {"http://[::1]:81/a/b/", "http://[::1]:81/a/b"},
           {"https://host:80", "https://host:80"},
           {"https://api.openai.com/v1", "https://api.openai.com", true},
           {"https://api.openai.com/v1/", "https://api.openai.com", true},
           {"https://openrouter.ai/api/v1", "https://openrouter.ai/api", true},
           {"https://host/av1", "https://host/av1"},
           {"https://host/v1beta", "https://host/v1beta"},
           {"https://my_host/", "https://my_host"},
           {"ftp://host", ""},
           {"host", ""},
           {"host:80", ""},
           {"", ""},
           {"https://", ""},
           {"https:///path", ""},
           {"http:host", ""},
           {"https://host:0", ""},
           {"https://host:65536", ""},
           {"https://host:", ""},
           {"https://ho st", ""},
           {"https://host/a b", ""},
           {"https://host?x=1", ""},
           {"https://host#x", ""},
           {"https://user@host", ""},
           {"https://user:hunter2@host", ""},
           {"https://:hunter2@host", ""},
           {"https://@host", ""},
           {"http://host/../x", ""},
           {"http://host//x", ""},
           {"http://2130706433", ""},
           {"http://127.1", ""},
           {"http://0x7f000001", ""},
           {"http://300.1.1.1", ""},
           {"http://a..b", ""},
           {"http://-a", ""},
           {"http://%6cocalhost", ""},
           {"http://[::1", ""},
           {"unix:///run/x.sock", ""},
       }) {
    const auto result = parse_url(text);
    ASSERT_EQ(result.value.has_value(), !back.empty()) << text << ": " << result.error;
    EXPECT_EQ(result.error.find("hunter2"), std::string::npos) << text;
    if (back.empty()) continue;
    EXPECT_EQ((*result).where.to_string(), back) << text;
    EXPECT_EQ((*result).v1_dropped, v1_dropped) << text;
    EXPECT_NE((*result).where.port, 0) << text;
  }
}

TEST(Urls, TheHostFieldLeavesOutDefaultPorts) {
  EXPECT_EQ((*parse_url("https://host:443")).where.authority(), "host");
  EXPECT_EQ((*parse_url("https://host:444")).where.authority(), "host:444");
  EXPECT_EQ((*parse_url("http://[::1]:11434")).where.authority(), "[::1]:11434");
}

TEST(Origins, AreWrittenAsBrowsersWriteThem) {
  struct row {
    const char* text;
    const char* read;  // nullptr: refused
  };
  for (auto const& r : {row{"https://chat.example.com", "https://chat.example.com"},
                        row{"HTTPS://Chat.Example.COM", "https://chat.example.com"},
                        row{"https://a.example:443", "https://a.example"},
                        row{"http://a.example:80", "http://a.example"},
                        row{"http://a.example:443", "http://a.example:443"},
                        row{"http://localhost:3000", "http://localhost:3000"},
                        row{"http://10.0.0.7:8080", "http://10.0.0.7:8080"},
                        row{"http://[::1]:3000", "http://[::1]:3000"},
                        row{"tauri://localhost", "tauri://localhost"},
                        row{"app://obsidian.md", "app://obsidian.md"},
                        row{"chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"},
                        row{"*", nullptr},
                        row{"null", nullptr},
                        row{"https://", nullptr},
                        row{"://a", nullptr},
                        row{"a.example", nullptr},
                        row{"https://a.example/", nullptr},
                        row{"https://a.example/app", nullptr},
                        row{"https://*.example.com", nullptr},
                        row{"https://u:p@a.example", nullptr},
                        row{"https://a.example:", nullptr},
                        row{"https://a.example:0", nullptr},
                        row{"https://a.example:70000", nullptr},
                        row{"https://[::1", nullptr},
                        row{"https://[::1]x", nullptr},
                        row{"https://[x]", nullptr},
                        row{"1http://a", nullptr},
                        row{"ht tp://a", nullptr},
                        row{"https://a..b", nullptr},
                        row{"https://a b", nullptr},
                        row{"https://a\r\nX: y", nullptr},
                        row{"https://a?b", nullptr},
                        row{"https://a#b", nullptr},
                        row{"", nullptr}}) {
    auto const read = parse_origin(r.text);
    EXPECT_EQ(static_cast<bool>(read), r.read != nullptr) << r.text;
    EXPECT_EQ(read.value.value_or(""), r.read != nullptr ? r.read : "") << r.text;
    EXPECT_EQ(read.error.empty(), r.read != nullptr) << r.text;
  }
}

TEST(OllamaHost, IsReadAsOllamasOwnClientReadsIt) {
  struct row {
    std::string_view text;
    std::string_view expected;  // empty: refused
  };
  for (const auto& [text, expected] : std::initializer_list<row>{
           {"0.0.0.0", "http://127.0.0.1:11434"},
           {"0.0.0.0:11434", "http://127.0.0.1:11434"},
           {"0.0.0.0:5000", "http://127.0.0.1:5000"},
           {"http://0.0.0.0:5000", "http://127.0.0.1:5000"},
           {":5000", "http://127.0.0.1:5000"},
           {"127.0.0.1", "http://127.0.0.1:11434"},
           {"127.0.0.1:5000", "http://127.0.0.1:5000"},
           {"localhost", "http://localhost:11434"},
           {"gpu.internal:80", "http://gpu.internal"},
           {"10.0.0.5", "http://10.0.0.5:11434"},
           {"::1", "http://[::1]:11434"},
           {"::", "http://[::1]:11434"},
           {"[::]", "http://[::1]:11434"},
           {"[::]:5000", "http://[::1]:5000"},
           {"[::1]:5000", "http://[::1]:5000"},
           {"http://example.lan", "http://example.lan"},
           {"https://example.lan", "https://example.lan"},
           {"https://example.lan:5000", "https://example.lan:5000"},
           {"http://example.lan:5000/ollama/", "http://example.lan:5000/ollama"},
           {"example.lan/ollama", "http://example.lan:11434/ollama"},
           {" 127.0.0.1:5000 ", "http://127.0.0.1:5000"},
           {"\"127.0.0.1:5000\"", "http://127.0.0.1:5000"},
           {"127.0.0.1:70000", ""},
           {"127.0.0.1:0", ""},
           {"127.0.0.1:x", ""},
           {"ftp://127.0.0.1", ""},
           {"user:hunter2@host", ""},
           {"a b", ""},
       }) {
    const auto result = parse_ollama_host(text);
    EXPECT_EQ(result ? (*result).where.to_string() : "", expected) << text << ": " << result.error;
    EXPECT_EQ(result.error.find("hunter2"), std::string::npos);
  }
}

TEST(Hosts, BelongToAKindOfNetwork) {
  using enum host_kind;
  struct row {
    std::string_view host;
    host_kind kind;
  };
  for (const auto& [host, kind] : std::initializer_list<row>{
           {"127.0.0.1", loopback},
           {"127.255.255.255", loopback},
           {"::1", loopback},
           {"::ffff:127.0.0.1", loopback},
           {"localhost", loopback},
           {"LOCALHOST", loopback},
           {"a.localhost", loopback},
           {"localhost.example", name},
           {"0.0.0.0", unspecified},
           {"::", unspecified},
           {"10.0.0.0", private_net},
           {"9.255.255.255", public_net},
           {"11.0.0.0", public_net},
           {"172.15.255.255", public_net},
           {"172.16.0.0", private_net},
           {"172.31.255.255", private_net},
           {"172.32.0.0", public_net},
           {"192.168.0.1", private_net},
           {"192.167.0.1", public_net},
           {"169.254.1.1", private_net},
           {"100.63.0.1", public_net},
           {"100.64.0.1", private_net},
           {"100.127.0.1", private_net},
           {"100.128.0.1", public_net},
           {"8.8.8.8", public_net},
           {"::ffff:8.8.8.8", public_net},
           {"::ffff:10.0.0.1", private_net},
           {"::2", public_net},
           {"fc00::1", private_net},
           {"fdff::1", private_net},
           {"fe00::1", public_net},
           {"fe80::1", private_net},
           {"febf::1", private_net},
           {"fec0::1", public_net},
           {"2606:4700::1", public_net},
           {"example.com", name},
           {"", name},
       })
    EXPECT_EQ(kind_of_host(host), kind) << host;
}

TEST(HostNames, EndInNoNumber) {
  for (const auto good : {"a", "a.b", "a-b.c", "my_box", "xn--bcher-kva.example", "example.com.", "1.a", "3com.com"})
    EXPECT_TRUE(is_host_name(good)) << good;
  for (const auto bad : {"", ".", "a..b", ".a", "-a", "a-", "a-.b", "a.-b", "1", "a.1", "127.1", "0x7f", "a.0x1", "a b",
                         "a/b", "a:1", "*.a", "bücher.example", "a,b"})
    EXPECT_FALSE(is_host_name(bad)) << bad;
  EXPECT_TRUE(is_host_name(std::string(63, 'a')));
  EXPECT_FALSE(is_host_name(std::string(64, 'a')));
}

TEST(Printable, LetsNothingReachATerminalThatItWouldObey) {
  EXPECT_EQ(printable("a\x1b[31mb\n"), "a?[31mb?");
  EXPECT_EQ(printable("grün"), "grün");
  EXPECT_EQ(printable("\xff\xc3"), "??");
  EXPECT_EQ(printable("\xc2\x9b"
                      "1m"),
            "??1m");  // a C1 control
  EXPECT_EQ(printable("\xe2\x80\xae"
                      "x"),
            "???x");                            // right-to-left override
  EXPECT_EQ(printable("\xed\xa0\x80"), "???");  // a surrogate
  EXPECT_LT(printable(std::string(10'000, 'a')).size(), 200u);
}

TEST(Nearest, FindsSlipsOfTheFingerAndNothingElse) {
  const std::vector<std::string_view> words{"timeouts", "tier", "tls", "url", "urls", "dialect", "credential"};
  struct row {
    std::string_view text, expected;
  };
  for (const auto& [text, expected] : std::initializer_list<row>{{"timeout", "timeouts"},
                                                                 {"tiemouts", "timeouts"},
                                                                 {"TIER", "tier"},
                                                                 {"teir", "tier"},
                                                                 {"dialcet", "dialect"},
                                                                 {"credentials", "credential"},
                                                                 {"ulr", "url"},
                                                                 {"xyz", ""},
                                                                 {"password", ""},
                                                                 {"", ""}})
    EXPECT_EQ(nearest(text, words), expected) << text;
  EXPECT_EQ(edit_distance("abc", "acb"), 1u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
}

}  // namespace
}  // namespace tideover::config
