#include "tideover/ops/admin_readiness.hpp"

#include "tideover/config/values.hpp"

namespace tideover::ops {

namespace {

struct patience {
  duration span = usual_readiness_wait;
  std::string problem;  // empty: fine
};

patience read_patience(const nlohmann::json& body) {
  patience p;
  for (const auto& [name, value] : body.items()) {
    if (name != "wait") {
      p.problem = "`" + config::printable(name) + "` means nothing here; known is: wait";
      return p;
    }
    auto const span = config::parse_duration(value.is_string() ? value.get<std::string>() : std::string());
    if (!span || *span <= duration::zero() || *span > longest_readiness_wait)
      p.problem = "`wait` must be a duration of at most 10m, such as \"30s\"";
    else
      p.span = *span;
  }
  return p;
}

}  // namespace

void serve_readiness(admin_api& api, readiness_source source) {
  api.on("GET", "/api/readiness",
         [report = source.report](const admin_call&) { return json_reply(readiness_document(report())); });

  api.on("POST", "/api/readiness", [source](const admin_call& call) {
    auto const p = read_patience(call.body);
    if (!p.problem.empty()) return error_reply(400, "bad_order", p.problem);
    admin_reply reply;
    // Whoever runs out of patience is told what is known, and that the check goes on (`checking`).
    reply.takes_time = std::make_shared<admin_reply::work>(
        admin_reply::work{.begin = source.check, .at_most = p.span, .end = [report = source.report](bool) {
                            return json_reply(readiness_document(report()));
                          }});
    return reply;
  });
}

}  // namespace tideover::ops
