// Callers counted by several workers at once: never more inside than may be, and nothing left over when all have gone.
#include "tideover/proxy/caller_count.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace tideover::proxy {
namespace {

using policy::welcome;

std::optional<ip_owner> address(unsigned char last) {
  unsigned char const bytes[4] = {192, 0, 2, last};
  return owner_of_ip(bytes);
}

config::limits with(std::size_t connections, std::size_t per_address) {
  config::limits l;
  l.connections = connections;
  l.connections_per_address = per_address;
  return l;
}

using places = std::vector<std::unique_ptr<caller_count::place>>;

TEST(CallerCount, WhoIsOneTooManyOfAnAddressTakesNoPlaceOfOthers) {
  caller_count count;
  auto const limits = with(4, 2);
  places inside;
  auto const come = [&](unsigned char who) {
    inside.push_back(std::make_unique<caller_count::place>(count, address(who), limits));
    return inside.back()->said();
  };
  EXPECT_EQ(come(1), welcome::come_in);
  EXPECT_EQ(come(1), welcome::come_in);
  EXPECT_EQ(come(1), welcome::too_many_from_address);
  EXPECT_EQ(come(1), welcome::too_many_from_address);
  EXPECT_EQ(come(1), welcome::turned_away);
  EXPECT_EQ(count.inside(), 2U);
  EXPECT_EQ(come(2), welcome::come_in);
  EXPECT_EQ(come(3), welcome::come_in);
  EXPECT_EQ(come(4), welcome::too_many);
  inside.erase(inside.begin(), inside.begin() + 5);
  EXPECT_EQ(come(1), welcome::come_in);
  EXPECT_EQ(count.addresses(), 4U);
  inside.clear();
  EXPECT_EQ(count.inside(), 0U);
  EXPECT_EQ(count.addresses(), 0U) << "nothing is remembered of those who have gone";
}

TEST(CallerCount, IsRightWhenManyWorkersCountAtOnce) {
  caller_count count;
  constexpr std::size_t most = 3;
  auto const limits = with(1000, most);
  std::atomic<std::size_t> inside{0}, too_many_inside{0}, came_in{0};
  std::vector<std::thread> workers;
  for (int w = 0; w < 4; ++w)
    workers.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) {
        caller_count::place const first(count, address(1), limits);
        caller_count::place const second(count, address(1), limits);
        for (auto const* p : {&first, &second})
          if (p->said() == welcome::come_in && (++came_in, ++inside > most)) ++too_many_inside;
        for (auto const* p : {&first, &second})
          if (p->said() == welcome::come_in) --inside;
      }
    });
  for (auto& w : workers) w.join();
  EXPECT_GT(came_in, 0U);
  EXPECT_EQ(too_many_inside, 0U);
  EXPECT_EQ(count.inside(), 0U);
  EXPECT_EQ(count.addresses(), 0U);
}

}  // namespace
}  // namespace tideover::proxy
