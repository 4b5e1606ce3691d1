#include "tideover/policy/local_order.hpp"

#include <gtest/gtest.h>

namespace tideover::policy {
namespace {

local_catalog catalog_of(std::vector<std::string> names) {
  local_catalog made;
  made.known = true;
  for (auto& name : names) {
    local_model m;
    m.name = std::move(name);
    m.completion = true;
    made.models.push_back(std::move(m));
  }
  return made;
}

TEST(LocalOrder, StandingFollowsFromWhatIsKnown) {
  EXPECT_EQ(standing_of({}, "a"), standing::unclear) << "nothing is known yet";
  EXPECT_EQ(standing_of(catalog_of({"a:latest", "b"}), "A"), standing::has_it);
  EXPECT_EQ(standing_of(catalog_of({"b"}), "a"), standing::unclear) << "b may stand in";
  EXPECT_EQ(standing_of(catalog_of({}), "a"), standing::barren);
  EXPECT_EQ(standing_of(catalog_of({"a-cloud"}), "a-cloud"), standing::barren) << "not local";
  auto vectors = catalog_of({"nomic"});
  vectors.models[0].completion = false;
  EXPECT_EQ(standing_of(vectors, "a"), standing::barren);
  EXPECT_EQ(standing_of(vectors, "nomic"), standing::has_it) << "for embeddings it is the very one";
}

TEST(LocalOrder, MovesLocalsAmongTheirOwnPlacesOnly) {
  config::snapshot made;
  for (auto const where : {tier::local, tier::cloud, tier::local, tier::local}) {
    config::upstream u;
    u.tier = where;
    made.upstreams.push_back(u);
  }
  using enum standing;
  struct {
    std::vector<std::uint16_t> before;
    std::vector<standing> standings;
    std::vector<std::uint16_t> after;
  } const rows[] = {
      {{1, 0, 2, 3}, {unclear, unclear, has_it, barren}, {1, 2, 0, 3}},
      {{1, 0, 2, 3}, {barren, has_it, unclear, unclear}, {1, 2, 3, 0}},
      {{0, 2, 3, 1}, {unclear, has_it, unclear, has_it}, {3, 0, 2, 1}},
      {{0, 2, 3}, {has_it, unclear, has_it, has_it}, {0, 2, 3}},
      {{1}, {has_it, barren, has_it, has_it}, {1}},
  };
  for (const auto& row : rows) {
    candidate_list list;
    for (auto const upstream : row.before) list.index[list.size++] = upstream;
    put_holders_first(list, made, row.standings);
    EXPECT_EQ(std::vector(list.index, list.index + list.size), row.after);
  }
}

}  // namespace
}  // namespace tideover::policy
