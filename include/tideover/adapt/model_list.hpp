// GET /v1/models from what is known locally, in the shape the caller speaks (CL §4, §7).
// Not for the cloud's own list: that passes byte for byte.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tideover::adapt {

struct listed_model {
  std::string id;
  std::int64_t created_unix = 0;
};

/// {"object":"list","data":[…]} for OpenAI callers, {"data":[…],"has_more":false,…} for Anthropic ones.
std::string write_model_list(const std::vector<listed_model>& models, bool for_anthropic);
/// One model in the same shape, for /v1/models/{id}.
std::string write_model(const listed_model& model, bool for_anthropic);

}  // namespace tideover::adapt
