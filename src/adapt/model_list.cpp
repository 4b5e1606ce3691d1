#include "tideover/adapt/model_list.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace tideover::adapt {
namespace {

using json = nlohmann::ordered_json;

/// RFC 3339 in UTC. Times outside the years 1970 to 9999 are clamped: they come from files' dates of unknown make.
std::string rfc3339(std::int64_t unix_seconds) {
  using namespace std::chrono;
  constexpr std::int64_t last = 253402300799;  // 9999-12-31T23:59:59Z
  sys_seconds const at{seconds(std::clamp<std::int64_t>(unix_seconds, 0, last))};
  auto const day = floor<days>(at);
  year_month_day const date{day};
  hh_mm_ss const time{at - day};
  char text[64];
  std::snprintf(text, sizeof(text), "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()));
  return text;
}

json entry(const listed_model& model, bool for_anthropic) {
  if (for_anthropic)
    return {
        {"type", "model"}, {"id", model.id}, {"display_name", model.id}, {"created_at", rfc3339(model.created_unix)}};
  return {{"id", model.id}, {"object", "model"}, {"created", model.created_unix}, {"owned_by", "local"}};
}

std::string text_of(const json& document) { return document.dump(-1, ' ', false, json::error_handler_t::replace); }

}  // namespace

std::string write_model_list(const std::vector<listed_model>& models, bool for_anthropic) {
  json data = json::array();
  for (const auto& model : models) data.push_back(entry(model, for_anthropic));
  if (!for_anthropic) return text_of({{"object", "list"}, {"data", std::move(data)}});
  json document = {{"data", std::move(data)}, {"has_more", false}};
  document["first_id"] = models.empty() ? json() : json(models.front().id);
  document["last_id"] = models.empty() ? json() : json(models.back().id);
  return text_of(document);
}

std::string write_model(const listed_model& model, bool for_anthropic) { return text_of(entry(model, for_anthropic)); }

}  // namespace tideover::adapt
