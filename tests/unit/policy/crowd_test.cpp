#include "tideover/policy/crowd.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <string>

namespace tideover::policy {
namespace {

std::optional<ip_owner> from(const std::string& text) {
  unsigned char bytes[16];
  if (::inet_pton(AF_INET, text.c_str(), bytes) == 1) return owner_of_ip({bytes, 4});
  EXPECT_EQ(::inet_pton(AF_INET6, text.c_str(), bytes), 1) << text;
  return owner_of_ip(bytes);
}

config::limits with(std::size_t connections, std::optional<std::size_t> per_address = std::nullopt) {
  config::limits l;
  l.connections = connections;
  l.connections_per_address = per_address;
  return l;
}

TEST(Crowd, LeavesHalfOfThePlacesToOtherMachinesAndAllToThisOne) {
  for (auto const* other : {"192.0.2.1", "10.0.0.1", "169.254.1.1", "2001:db8::1", "fe80::1", "::ffff:192.0.2.1"}) {
    EXPECT_EQ(most_from(from(other), with(10000)), 5000U) << other;
    EXPECT_EQ(most_from(from(other), with(3)), 2U) << other;
    EXPECT_EQ(most_from(from(other), with(1)), 1U) << "somebody must be able to come in";
  }
  for (auto const* own : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"})
    EXPECT_FALSE(most_from(from(own), with(10))) << own;
}

TEST(Crowd, HoldsEveryAddressToANumberThatIsSet) {
  for (auto const* any : {"192.0.2.1", "127.0.0.1", "::1"}) EXPECT_EQ(most_from(from(any), with(100, 7)), 7U) << any;
  EXPECT_FALSE(most_from(std::nullopt, with(100, 7))) << "a unix socket has no address";
}

TEST(Crowd, TellsWhoIsOneTooManyAndWhy) {
  auto const limits = with(10, 3);
  auto const said = [&](std::size_t inside, std::size_t from_address) {
    return may_come_in({.inside = inside, .from_address = from_address}, from("192.0.2.1"), limits);
  };
  EXPECT_EQ(said(0, 0), welcome::come_in);
  EXPECT_EQ(said(9, 2), welcome::come_in);
  EXPECT_EQ(said(10, 2), welcome::too_many);
  EXPECT_EQ(said(9, 3), welcome::too_many_from_address);
  EXPECT_EQ(said(10, 3), welcome::too_many_from_address) << "whose place it would be anyway";
  EXPECT_EQ(said(9, 5), welcome::too_many_from_address);
  EXPECT_EQ(said(9, 6), welcome::turned_away);
  EXPECT_EQ(may_come_in({.inside = 10, .from_address = 100}, std::nullopt, limits), welcome::too_many);
}

}  // namespace
}  // namespace tideover::policy
