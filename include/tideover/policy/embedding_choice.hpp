// Whether, and with which model, a local server may make vectors for a request (contract §3): those of another model
// would silently poison an index.
// Not for requests that generate text: policy/model_choice.
#pragma once

#include <string_view>

#include "tideover/config/snapshot.hpp"
#include "tideover/policy/model_choice.hpp"

namespace tideover::policy {

struct embedding_need {
  std::string_view requested;  // the cloud's name
  const std::vector<config::model_rule>* of_workflow = nullptr;
  const std::vector<config::model_rule>* global = nullptr;
  bool any_model = false;  // the workflow opted in: `embeddings: any_model`
};

/// Before anything is known of the local models: does the file allow it?
bool may_embed_locally(const embedding_need& need);

/// The model that the first matching rule names, where it is the very same or the workflow takes any. A workflow that
/// takes any and names none that is installed gets the requested one, else an installed embedding model: one that is
/// loaded before one that is not, then the larger one.
model_choice choose_embedding_model(const embedding_need& need, const local_catalog& catalog);

}  // namespace tideover::policy
