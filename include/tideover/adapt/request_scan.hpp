// What routing, failover and local replay need to know of a request body, in one pass over its bytes.
// Not for changing it: the pristine bytes are what is sent to the cloud.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tideover/core/words.hpp"

namespace tideover::adapt {

struct request_facts {
  bool is_json_object = false;   // whole body is one valid JSON object; else it is the cloud's to refuse
  std::string model{};           // decoded; empty when absent
  bool stream = false;           // body's `stream: true`; never decided from Accept
  bool wants_reasoning = false;  // reasoning_effort, reasoning.effort (not "none"), thinking.type enabled|adaptive
  bool has_tools = false;
  bool has_images = false;       // an image part anywhere in messages/input
  bool include_usage = false;    // stream_options.include_usage
  std::string not_replayable{};  // name of the first field that refers to state at the cloud; empty: replayable
};

/// The last of duplicate keys wins, as in every SDK's parser. Never throws; depth is limited.
request_facts scan_request(endpoint what, std::string_view body);

}  // namespace tideover::adapt
