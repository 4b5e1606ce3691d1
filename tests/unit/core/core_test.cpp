#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <set>
#include <type_traits>

#include "tideover/core/failure.hpp"
#include "tideover/core/http_message.hpp"
#include "tideover/core/ids.hpp"
#include "tideover/core/ip_kind.hpp"
#include "tideover/core/ip_owner.hpp"
#include "tideover/core/keyed_hash.hpp"
#include "tideover/core/ollama_name.hpp"
#include "tideover/core/secret.hpp"
#include "tideover/core/time.hpp"
#include "tideover/core/visible.hpp"
#include "tideover/core/words.hpp"

namespace tideover {
namespace {

using namespace std::chrono_literals;

TEST(Time, AfterNeverOverflows) {
  time_point const start{10s};
  EXPECT_EQ(after(start, 5s), time_point{15s});
  EXPECT_EQ(after(start, duration::max()), never);
  EXPECT_EQ(after(never, 5s), never);
  EXPECT_EQ(after(start, never - start), never);
  EXPECT_EQ(after(start, never - start - 1ns), never - 1ns);
}

ip_owner owner_of_text(const std::string& text) {
  unsigned char bytes[16];
  if (inet_pton(AF_INET, text.c_str(), bytes) == 1) return owner_of_ip({bytes, 4});
  EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), bytes), 1) << text;
  return owner_of_ip(bytes);
}

TEST(IpOwner, IsAMachineInIpv4AndANetworkOf64BitsInIpv6) {
  for (const auto& [one, other] :
       std::vector<std::pair<const char*, const char*>>{{"192.0.2.1", "::ffff:192.0.2.1"},
                                                        {"2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"},
                                                        // Written with the zeros left out at different places.
                                                        {"2001:db8:1:0:1::", "2001:db8:1::1"},
                                                        {"2001:db8::1", "2001:db8:0:0:1:2:3:4"}})
    EXPECT_EQ(owner_of_text(one), owner_of_text(other)) << one;
  for (const auto& [one, other] :
       std::vector<std::pair<const char*, const char*>>{{"192.0.2.1", "192.0.2.2"},
                                                        {"2001:db8:1:2::1", "2001:db8:1:3::1"},
                                                        {"2001:db8::1", "2001:db8:0:1::1"},
                                                        {"::1", "::2"},
                                                        {"::1", "127.0.0.1"},
                                                        {"::", "::1"},
                                                        {"::ffff:10.0.0.1", "10.0.0.2"}})
    EXPECT_NE(owner_of_text(one), owner_of_text(other)) << one;
  for (const auto* text : {"127.0.0.1", "10.0.0.1", "192.0.2.1", "::1", "fe80::1", "fd00::1", "2001:db8::1"}) {
    unsigned char bytes[16];
    std::size_t const size = inet_pton(AF_INET, text, bytes) == 1 ? 4 : 16;
    if (size == 16) {
      ASSERT_EQ(inet_pton(AF_INET6, text, bytes), 1);
    }
    EXPECT_EQ(kind_of_ip(owner_of_text(text).address), kind_of_ip({bytes, size})) << text;
  }
}

ip_kind kind_of_text(const std::string& text) {
  unsigned char bytes[16];
  if (inet_pton(AF_INET, text.c_str(), bytes) == 1) return kind_of_ip({bytes, 4});
  EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), bytes), 1) << text;
  return kind_of_ip(bytes);
}

TEST(IpKind, LooksThroughEveryWayOfWritingIpv4InIpv6) {
  struct row {
    std::string v4;
    ip_kind kind;
  };
  for (const auto& [v4, kind] : std::vector<row>{{"127.0.0.1", ip_kind::loopback},
                                                 {"127.255.255.254", ip_kind::loopback},
                                                 {"0.0.0.0", ip_kind::unspecified},
                                                 {"0.1.2.3", ip_kind::unspecified},
                                                 {"169.254.169.254", ip_kind::link_local},
                                                 {"10.1.2.3", ip_kind::private_net},
                                                 {"172.16.0.1", ip_kind::private_net},
                                                 {"192.168.255.1", ip_kind::private_net},
                                                 {"100.64.0.1", ip_kind::private_net},
                                                 {"126.255.255.255", ip_kind::public_net},
                                                 {"128.0.0.1", ip_kind::public_net},
                                                 {"169.253.0.1", ip_kind::public_net},
                                                 {"169.255.0.1", ip_kind::public_net},
                                                 {"104.18.7.192", ip_kind::public_net}}) {
    EXPECT_EQ(kind_of_text(v4), kind) << v4;
    for (const char* prefix : {"::ffff:", "64:ff9b::", "64:ff9b:1::"}) EXPECT_EQ(kind_of_text(prefix + v4), kind) << v4;
    if (kind != ip_kind::unspecified) {
      EXPECT_EQ(kind_of_text("::" + v4), kind) << v4;
    }
    unsigned char b[4];
    ASSERT_EQ(inet_pton(AF_INET, v4.c_str(), b), 1);
    unsigned char const six_to_four[16] = {0x20, 0x02, b[0], b[1], b[2], b[3]};
    EXPECT_EQ(kind_of_ip(six_to_four), kind) << v4;
  }
  EXPECT_EQ(kind_of_text("::"), ip_kind::unspecified);
  EXPECT_EQ(kind_of_text("::1"), ip_kind::loopback);
  EXPECT_EQ(kind_of_text("::2"), ip_kind::public_net);
  EXPECT_EQ(kind_of_text("fe80::1"), ip_kind::link_local);
  EXPECT_EQ(kind_of_text("febf::1"), ip_kind::link_local);
  EXPECT_EQ(kind_of_text("fec0::1"), ip_kind::public_net);
  EXPECT_EQ(kind_of_text("fd00:ec2::254"), ip_kind::private_net);
  EXPECT_EQ(kind_of_text("2606:4700::6812:7c0"), ip_kind::public_net);
}

TEST(Words, EveryTokenReadsBackAsItself) {
  for (auto const v : {tier::cloud, tier::local}) EXPECT_EQ(parse_tier(token(v)), v);
  for (auto const v : {dialect::openai, dialect::anthropic, dialect::ollama}) EXPECT_EQ(parse_dialect(token(v)), v);
  for (auto const v :
       {policy_kind::cloud_first, policy_kind::local_first, policy_kind::cloud_only, policy_kind::local_only})
    EXPECT_EQ(parse_policy(token(v)), v);
  for (int i = 0; i < reason_count; ++i) EXPECT_EQ(parse_reason(token(static_cast<reason>(i))), static_cast<reason>(i));
}

TEST(Words, NothingElseReads) {
  for (std::string_view const text : {"", "Cloud", "cloud ", "none", "local_only\n"}) {
    EXPECT_FALSE(parse_tier(text)) << text;
    EXPECT_FALSE(parse_policy(text)) << text;
    EXPECT_FALSE(parse_dialect(text)) << text;
    EXPECT_FALSE(parse_reason(text)) << text;
  }
}

TEST(Words, TokensAreUnique) {
  std::set<std::string_view> reasons, phases, endpoints;
  for (int i = 0; i < reason_count; ++i) reasons.insert(token(static_cast<reason>(i)));
  EXPECT_EQ(reasons.size(), std::size_t{reason_count});
  for (int i = 0; i <= static_cast<int>(phase::relay_body); ++i) phases.insert(token(static_cast<phase>(i)));
  EXPECT_EQ(phases.size(), static_cast<std::size_t>(phase::relay_body) + 1);
  for (int i = 0; i <= static_cast<int>(endpoint::unknown); ++i) endpoints.insert(token(static_cast<endpoint>(i)));
  EXPECT_EQ(endpoints.size(), static_cast<std::size_t>(endpoint::unknown) + 1);
}

TEST(Words, GenerationIsJudgedAndListsAreNot) {
  for (int i = 0; i <= static_cast<int>(endpoint::unknown); ++i)
    EXPECT_TRUE(!is_generation(static_cast<endpoint>(i)) || is_judged(static_cast<endpoint>(i))) << i;
  EXPECT_TRUE(is_judged(endpoint::embeddings));
  EXPECT_FALSE(is_generation(endpoint::embeddings));
  EXPECT_FALSE(is_judged(endpoint::models));
  EXPECT_FALSE(is_judged(endpoint::other_v1));
  EXPECT_FALSE(is_judged(endpoint::ollama_native));
}

TEST(Secret, ComparesByContentAndLength) {
  secret const key("sk-123");
  EXPECT_TRUE(key.equals("sk-123"));
  for (std::string_view const other : {"", "sk-12", "sk-1234", "sk-124", "SK-123"}) EXPECT_FALSE(key.equals(other));
  EXPECT_TRUE(secret().equals(""));
  EXPECT_TRUE(secret().empty());
}

TEST(Secret, AMovedSecretIsGoneFromItsOldPlace) {
  secret first("sk-a-key-longer-than-any-small-string-buffer"), second;
  second = std::move(first);
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): that it is empty is the point
  EXPECT_TRUE(second.equals("sk-a-key-longer-than-any-small-string-buffer"));
  secret const third(std::move(second));
  EXPECT_TRUE(second.empty());  // NOLINT(bugprone-use-after-move)
  auto copy = third;
  copy = *&copy;
  EXPECT_TRUE(copy.equals(third.reveal_for_wire()));
}

TEST(Secret, IsFoundInAnyFormInWhichItCanBeRead) {
  std::string const value = "sk-a+b/c=d\"e\\f%g-0123456789";
  secret const key(value);
  for (auto const* said : {
           R"(sk-a+b/c=d"e\f%g-0123456789)",                           // as it is
           R"(sk-a+b\/c=d\"e\\f%g-0123456789)",                        // JSON
           R"(sk\u002da+b\u002Fc=d\u0022e\u005cf\u0025g-0123456789)",  // JSON, the long way
           R"(sk-a%2Bb%2fc%3Dd%22e%5Cf%25g-0123456789)",               // URL
           R"(sk-a%2Bb\/c%3Dd\"e\\f%25g-0123456789)",                  // both
           R"(\u0073k-a+b/c=d"e\f%g-012345678%39)",                    // only the ends
           "c2stYStiL2M9ZCJlXGYlZy0wMTIzNDU2Nzg5",                     // base64
           "dTpzay1hK2IvYz1kImVcZiVnLTAxMjM0NTY3ODk=",                 // of `u:` and it
           "dXNlcjpzay1hK2IvYz1kImVcZiVnLTAxMjM0NTY3ODk6",             // of `user:`, it and `:`
           "QmVhcmVyIHNrLWErYi9jPWQiZVxmJWctMDEyMzQ1Njc4OQ==",         // of `Bearer ` and it
       }) {
    EXPECT_TRUE(key.stands_in(said)) << said;
    EXPECT_TRUE(key.stands_in("before " + std::string(said) + " behind")) << said;
    std::string torn = said;
    torn.erase(torn.size() - 12, 1);
    EXPECT_FALSE(key.stands_in(torn)) << torn;
  }
}

TEST(Secret, IsFoundInBase64ByEitherAlphabetAndWithEscapes) {
  secret const key("a>b?c>b?d>b?e>b?");
  for (auto const* said : {"YT5iP2M+Yj9kPmI/ZT5iPw==", "YT5iP2M-Yj9kPmI_ZT5iPw", R"(YT5iP2M+Yj9kPmI\/ZT5iPw==)",
                           "YT5iP2M%2BYj9kPmI%2FZT5iPw%3D%3D"})
    EXPECT_TRUE(key.stands_in(said)) << said;
}

TEST(Secret, IsNotFoundWhereItIsNot) {
  secret const key("sk-0123456789");
  for (auto const* said :
       {"", "s", "sk-012345678", "sk-012345678%", "sk-012345678%3", "sk-012345678%3x", R"(sk-012345678\)",
        R"(sk-012345678\u003)", R"(sk-012345678\u0139)", "SK-0123456789", "c2stMDEyMzQ1Njc"})
    EXPECT_FALSE(key.stands_in(said)) << said;
  EXPECT_FALSE(secret().stands_in("anything"));
  EXPECT_FALSE(secret("k").stands_in("aw==")) << "so little in base64 stands everywhere";
}

template <class T>
concept prints = requires(std::ostream& out, const T& value) {
  out << value;
};

TEST(Secret, DoesNotPrintNorTurnIntoAString) {
  static_assert(!prints<secret>);
  static_assert(!std::is_convertible_v<secret, std::string> && !std::is_convertible_v<secret, std::string_view>);
  static_assert(!std::is_convertible_v<std::string, secret>);
}

TEST(Ids, AreUniqueSortableAndOfOneForm) {
  id_generator ids(42);
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) seen.insert(ids.next(1'755'999'999'123));
  EXPECT_EQ(seen.size(), 10'000u);
  for (const auto& id : {ids.next(0), ids.next(1'755'999'999'123), ids.next((std::uint64_t{1} << 45) - 1)}) {
    ASSERT_EQ(id.size(), 22u);
    EXPECT_TRUE(id.starts_with("req_"));
    EXPECT_EQ(id.find_first_not_of("0123456789abcdefghjkmnpqrstvwxyz", 4), std::string::npos) << id;
  }
  EXPECT_LT(ids.next(1'755'999'999'123), ids.next(1'755'999'999'124));
  EXPECT_LT(ids.next(999), ids.next(1'755'999'999'124));
  EXPECT_NE(id_generator(1).next(5), id_generator(2).next(5));
}

TEST(HttpMessage, FieldNamesAreCaseInsensitiveAndTheFirstOfSeveralIsFound) {
  header_fields fields;
  fields.list = {{field_id::host, "Host", "a"}, {field_id::unknown, "X-One", "1"}, {field_id::unknown, "x-one", "2"}};
  EXPECT_EQ(fields.value_of(field_id::host), "a");
  EXPECT_EQ(fields.value_of("x-ONE"), "1");
  EXPECT_EQ(fields.find("x-on"), nullptr);
  EXPECT_EQ(fields.value_of("absent"), "");
  EXPECT_EQ(fields.count(field_id::host), 1u);
  EXPECT_EQ(fields.count(field_id::authorization), 0u);
}

TEST(HttpMessage, OnlyAsciiLettersHaveTwoCases) {
  EXPECT_TRUE(iequals("AZaz", "azAZ"));
  EXPECT_FALSE(iequals("@", "`"));
  EXPECT_FALSE(iequals("[", "{"));
  EXPECT_FALSE(iequals("\xc4", "\xe4"));
}

TEST(HttpMessage, RebaseMovesEveryViewToTheCopy) {
  std::string const original = "GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n";
  std::string const copy = original;
  std::string_view const text = original;
  request_head head;
  head.method = text.substr(0, 3);
  head.target = text.substr(4, 10);
  head.fields.list = {{field_id::host, text.substr(25, 4), text.substr(31, 1)}, {field_id::unknown, {}, {}}};
  head.rebase(original.data(), copy.data());
  EXPECT_EQ(head.target, "/v1/models");
  EXPECT_EQ(head.target.data(), copy.data() + 4);
  EXPECT_EQ(head.method.data(), copy.data());
  EXPECT_EQ(head.fields.list[0].value.data(), copy.data() + 31);
  EXPECT_EQ(head.fields.list[1].name.data(), nullptr);  // an absent view stays absent
}

TEST(KeyedHash, IsSipHashAsItsAuthorsPublishedIt) {
  hash_key const key{0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};
  std::string text;
  EXPECT_EQ(keyed_hash(key, text), 0x726fdb47dd0e0e31ULL);
  for (char c = 0; c < 15; ++c) text += c;
  EXPECT_EQ(keyed_hash(key, text), 0xa129ca6149be45e5ULL);
  EXPECT_NE(keyed_hash({1, 2}, text), keyed_hash({1, 3}, text));
}

TEST(AllVisible, FindsEveryByteAtEveryPlaceOfEveryLength) {
  EXPECT_TRUE(all_visible({}));
  for (std::size_t length = 1; length <= 33; ++length) {
    std::string text(length, '~');
    EXPECT_TRUE(all_visible(text));
    for (std::size_t at = 0; at < length; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        text[at] = static_cast<char>(byte);
        EXPECT_EQ(all_visible(text), byte >= 0x20 && byte < 0x7f) << length << ' ' << at << ' ' << byte;
      }
      text[at] = ' ';
    }
  }
}

TEST(OllamaName, NamesOfItsCloudAreKnownHoweverOllamaWouldMendThem) {
  for (auto const* name : {"x:cloud", "x:120b-cloud", "X:CLOUD", "x: cloud", "x:\tcloud", "x:cloud ", " x:cloud\n",
                           "x:cloud\u00a0", "x:120b-cloud\u3000", "gpt-oss:120b-cloud\u0085", "x:\u2000cloud\u2029",
                           "registry.ollama.ai/library/x:cloud", "http://x/y/z:Cloud", "x:cloud\v\f\r"})
    EXPECT_TRUE(names_remote(name)) << name;
  for (auto const* name : {"x", "", "cloudy:8b", "x:cloud:local", "x:cloud/y", "x:8b-clouds", "cloud:8b"})
    EXPECT_FALSE(names_remote(name)) << name;
}

TEST(OllamaName, IsMadeOfPlainLettersDigitsAndFewSigns) {
  for (auto const* name : {"llama3.1:8b", "hf.co/a/B-GGUF:Q4_K_M", "http://localhost:5000/a/b:c", "_x"})
    EXPECT_TRUE(is_ollama_name(name)) << name;
  // Kelvin's K and the long s are what Unicode folds into ASCII.
  for (auto const* name :
       {"", " x", "x ", "x\n", "x@sha256", "x?y", "x#y", "x\u212a", "\u017f", "x\\y", "x\xff", "a b"})
    EXPECT_FALSE(is_ollama_name(name)) << name;
  EXPECT_FALSE(is_ollama_name(std::string_view("x\0y", 3)));
}

TEST(OllamaName, HasOneShortFormForWhatOllamaFillsIn) {
  for (auto const* name : {"x", "x:latest", "x:LATEST", "library/x", "registry.ollama.ai/library/x"})
    EXPECT_EQ(short_ollama_name(name), "x") << name;
  for (auto const* name : {"Registry.Ollama.AI/Library/x:latest", "https://registry.ollama.ai/library/x:latest"})
    EXPECT_EQ(short_ollama_name(name), "x") << name;
  EXPECT_EQ(short_ollama_name("other.host/library/x:1b"), "other.host/library/x:1b");
  EXPECT_EQ(short_ollama_name("mine/x"), "mine/x");
  EXPECT_EQ(short_ollama_name(":latest"), ":latest");
  EXPECT_EQ(short_ollama_name(""), "");
}

}  // namespace
}  // namespace tideover
