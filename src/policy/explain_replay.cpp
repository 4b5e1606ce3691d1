#include <algorithm>

#include "explain_parts.hpp"
#include "tideover/adapt/embeddings.hpp"
#include "tideover/policy/local_replay.hpp"

namespace tideover::policy {
namespace {

using adapt::chat::refusal;
using adapt::chat::rendered;

const local_catalog& catalog_of(const explain_facts& facts, std::uint16_t upstream) {
  static const local_catalog nothing_known;
  const auto* const known = facts.catalog ? facts.catalog(upstream) : nullptr;
  return known != nullptr ? *known : nothing_known;
}

/// Every local upstream's models are listed together.
bool is_listed(const explain_facts& facts, std::string_view id, bool& anything_known) {
  bool found = false;
  for (std::uint16_t i = 0; i < facts.configuration.upstreams.size(); ++i) {
    if (facts.configuration.upstreams[i].tier != tier::local) continue;
    const auto& catalog = catalog_of(facts, i);
    anything_known = anything_known || catalog.known;
    found = found || std::any_of(catalog.models.begin(), catalog.models.end(),
                                 [&](const local_model& m) { return !m.remote && m.name == id; });
  }
  return found;
}

/// Of a server's URLs the one that would be asked while all are equally busy.
std::size_t likely_url(const std::vector<url_fit>& fits) {
  return static_cast<std::size_t>(std::max_element(fits.begin(), fits.end()) - fits.begin());
}

void take_notes(std::vector<std::string>& into, const std::vector<std::string>& notes) {
  for (const auto& note : notes)
    if (std::find(into.begin(), into.end(), note) == into.end()) into.push_back(note);
}

/// What one explanation of a local server's part needs at hand.
struct replay_maker {
  const asked_request& asked;
  const explain_facts& facts;
  const config::upstream& u;
  const std::uint16_t index;
  const int fault_status;
  explained_replay made{};
  model_need need{};

  adapt::own_error fault(const refusal& why) const { return {fault_status, why.code, why.message, why.field}; }

  void enter();
  void make_vectors();
  void generate();
  void take(std::variant<rendered, refusal> result);
};

/// A place at the server, for which it must have the model.
void replay_maker::enter() {
  place_wish wish;
  wish.urgency = asked.r.workflow->priority;
  if (!made.model.empty()) wish.urls = fits_by_url(catalog_of(facts, index), made.model, u.urls.size());
  bool const nowhere = !wish.urls.empty() && std::all_of(wish.urls.begin(), wish.urls.end(),
                                                         [](url_fit fit) { return fit == url_fit::absent; });
  if (nowhere) made.refused = model_not_installed(made.model, u);
  if (!nowhere && facts.door) made.door = facts.door(index, wish);
}

void replay_maker::take(std::variant<rendered, refusal> result) {
  if (const auto* why = std::get_if<refusal>(&result)) {
    made.refused = fault(*why);
    return;
  }
  const auto& r = std::get<rendered>(result);
  made.path = r.path;
  made.must_call = r.must_call;
  take_notes(made.notes, r.notes);
}

void replay_maker::make_vectors() {
  made.model = embedding_stand_in(asked.body.model, *asked.r.workflow, facts.configuration);
  auto const found = find_rule(tables_for(*asked.r.workflow, facts.configuration, u), asked.body.model);
  made.rule = found.where;
  if (found.rule != nullptr) made.why = found.where + ": " + found.rule->cloud + " -> " + found.rule->local;
  enter();
  if (!made.refused) take(adapt::render_embeddings(u.dialect, asked.bytes, made.model));
}

void replay_maker::generate() {
  const auto& w = *asked.r.workflow;
  const auto& catalog = catalog_of(facts, index);
  auto const tables = tables_for(w, facts.configuration, u);
  auto read = adapt::chat::parse_request(asked.r.what, asked.bytes);
  if (const auto* why = std::get_if<refusal>(&read)) {
    made.refused = fault(*why);
    return;
  }
  const auto& parsed = std::get<adapt::chat::parsed>(read);
  take_notes(made.notes, parsed.notes);
  need = need_of(parsed.what, asked.body.model, w);
  made.prompt_tokens = need.window.prompt_tokens;
  made.rule = find_rule(tables, need.requested).where;
  made.considered = consider_models(need, tables, catalog);
  auto const choice = choose_model(need, tables, catalog);
  made.why = choice.why;
  if (choice.name.empty()) {
    made.refused = no_stand_in(choice, need, catalog, u);
    return;
  }
  made.model = choice.name;
  enter();
  if (made.refused) return;
  auto const url = likely_url(fits_by_url(catalog, made.model, u.urls.size()));
  const auto* const known = catalog.find_at(made.model, url);
  made.known = known != nullptr;
  made.loaded = known != nullptr && known->loaded;
  auto const found_out = facts.continues_prefill ? facts.continues_prefill(index, made.model) : std::nullopt;
  made.continues_prefill = continues_prefill(tables, need.requested, made.model, found_out);

  auto const words = words_for(need, w, facts.configuration, u, made.model, known);
  bool const native = u.dialect == dialect::ollama;
  made.window = words.window;
  made.asks_for_window = native;
  if (!words.window.fits) {
    made.refused = too_long_for(made.model, need.window.prompt_tokens, words.window.largest);
    return;
  }
  take(native ? adapt::chat::render_ollama_chat(parsed.what, words.options)
              : adapt::chat::render_openai_chat(parsed.what, words.options));
}

}  // namespace

explained_replay explain_replay(const asked_request& asked, const explain_facts& facts, std::uint16_t upstream,
                                int fault_status) {
  replay_maker maker{asked, facts, facts.configuration.upstreams[upstream], upstream, fault_status};
  if (is_generation(asked.r.what)) {
    maker.generate();
  } else if (asked.r.what == endpoint::embeddings) {
    maker.make_vectors();
  } else {
    // Ollama's own paths as they came; a list of models is written from the catalog.
    maker.made.as_it_came = asked.r.what == endpoint::ollama_native;
    maker.made.path = asked.r.path;
    const auto* const listed = maker.made.as_it_came ? catalog_of(facts, upstream).find(asked.body.model) : nullptr;
    if (listed != nullptr) maker.made.refused = refuse_listed(*listed, true);
    if (listed != nullptr && !maker.made.refused) maker.made.model = listed->name;
    if (maker.made.as_it_came && makes_work(asked.r.path) && !maker.made.refused) maker.enter();
    bool known = false;
    auto const id = listed_model_of(asked.r.path);
    if (asked.r.what == endpoint::models && !id.empty() && !is_listed(facts, id, known) && known)
      maker.made.refused = unknown_in_list();
  }
  return std::move(maker.made);
}

}  // namespace tideover::policy
