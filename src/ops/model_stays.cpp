#include "tideover/ops/model_stays.hpp"

#include <algorithm>

#include "tideover/core/http_message.hpp"

namespace tideover::ops {

std::string model_stays::key_of(std::string_view name) {
  std::string key(name);
  std::transform(key.begin(), key.end(), key.begin(), to_lower);
  if (key.ends_with(":latest")) key.resize(key.size() - 7);
  return key;
}

std::shared_ptr<model_stay> model_stays::at(const std::string& url, std::string_view name) {
  auto& kept = stays_[{url, key_of(name)}];
  auto stay = kept.lock();
  if (stay) return stay;
  stay = std::make_shared<model_stay>(model_stay{.url = url, .name = std::string(name), .hearing = {}});
  kept = stay;
  std::erase_if(stays_, [](const auto& entry) { return entry.second.expired(); });
  return stay;
}

std::vector<std::shared_ptr<model_stay>> model_stays::all_at(const std::string& url) const {
  std::vector<std::shared_ptr<model_stay>> list;
  for (auto it = stays_.lower_bound({url, {}}); it != stays_.end() && it->first.first == url; ++it)
    if (auto stay = it->second.lock()) list.push_back(std::move(stay));
  return list;
}

}  // namespace tideover::ops
