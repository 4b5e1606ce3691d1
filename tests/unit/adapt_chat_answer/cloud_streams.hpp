// Streams as the clouds write them, event by event, for cutting.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "as_a_caller.hpp"

namespace tideover::adapt::chat::answer {

struct cloud_style {
  bool ascii = false;  // everything else as \u escapes, in pairs beyond the basic plane
  bool include_usage = false;
  bool fills = false;  // padding, other members and pings, as some clouds have them
};

/// One whole event for each string; the last one or ones end the stream.
std::vector<std::string> cloud_stream(endpoint what, const std::vector<std::string>& parts, const cloud_style& style);

/// One event of a Responses or Messages stream.
std::string named(const json& object, bool ascii = false);
/// One chunk.
std::string data(const json& object, bool ascii = false);

}  // namespace tideover::adapt::chat::answer
