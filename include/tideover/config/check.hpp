// What is wrong with a configuration whose single values are all fine: combinations that cannot work or are not safe.
// Pure: no file, environment, clock or socket. Places are the loader's business; here a path says where.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tideover/config/load.hpp"
#include "tideover/config/snapshot.hpp"

namespace tideover::config {

struct finding {
  severity level = severity::error;
  std::string path;  // as in the file: `listen[0].address`, `upstreams.openai.url`
  std::string message;
};

std::vector<finding> check(const snapshot& made);

/// Could other machines reach this listener without showing who they are? `host` is where it listens: as configured, or
/// as somebody else bound it for us.
bool is_too_open(const listener& l, std::string_view host, const snapshot& made);
bool is_too_open(const admin& a, std::string_view host);

/// A workflow may not be called `all`, nor like the words that switch contingency on or off.
bool is_reserved_workflow(std::string_view name);

/// "there is no workflow `lgal`; did you mean `legal`?" `all_too`: the word `all` may stand in its place.
std::string no_such_workflow(std::string_view name, const snapshot& made, bool all_too);

}  // namespace tideover::config
