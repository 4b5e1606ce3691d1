#include "tideover/ops/admin_explain.hpp"

#include "tideover/ops/explain_order.hpp"
#include "tideover/ops/explain_report.hpp"

namespace tideover::ops {

namespace {

/// A cloud may leave alone the keys of some callers. Whether this caller's is among them, only the key would tell.
void note_keys(const policy::explanation& e, const explain_view& v, explain_source& source) {
  for (const auto& o : v.obstacles) {
    const auto& u = v.configuration->upstreams[o.upstream];
    if (o.keys == 0 || o.model != e.model || u.credential) continue;
    source.unknown.push_back("whether " + u.name + " is asked with this caller's own key: " + std::to_string(o.keys) +
                             (o.keys == 1 ? " key is" : " keys are") + " left alone for this model (" +
                             std::string(token(o.why)) + ")");
  }
}

}  // namespace

void serve_explain(admin_api& api, std::function<explain_view()> view) {
  api.on(
      "POST", "/api/explain",
      [view = std::move(view)](const admin_call& call) {
        auto const v = view();
        auto const order = read_explain_order(call.body, *v.configuration);
        if (!order.problem.empty()) return error_reply(400, "bad_request_description", order.problem);
        policy::explain_facts const facts{.configuration = *v.configuration,
                                          .in_force = *v.in_force,
                                          .hosts = v.hosts,
                                          .now = clock::now(),
                                          .catalog = [&v](std::uint16_t i) { return v.catalogs.at(i).get(); },
                                          .health = v.health,
                                          .continues_prefill = v.continues_prefill,
                                          .door = v.door};
        explain_source source{.daemon = true, .assumed = order.assumed, .unknown = {}};
        for (std::size_t i = 0; i < v.catalogs.size(); ++i)
          if (v.catalogs[i] && !v.catalogs[i]->known)
            source.unknown.emplace_back("which models " + v.configuration->upstreams[i].name + " has");
        auto const explained = policy::explain(order.request, facts);
        note_keys(explained, v, source);
        return json_reply(explain_document(explained, *v.configuration, source));
      },
      most_explained_bytes);
}

}  // namespace tideover::ops
