// A first configuration file out of what was found on this machine and what its operator wishes. Pure.
// Not for finding things, asking questions or writing files: src/app/init_command.cpp.
#pragma once

#include <string>
#include <vector>

#include "tideover/config/snapshot.hpp"
#include "tideover/policy/model_choice.hpp"

namespace tideover::app {

struct init_facts {
  std::string local_url;          // where Ollama is, or would be
  bool answers = false;           // it does
  policy::local_catalog catalog;  // what it has
  std::vector<std::string> keys;  // of OPENAI_API_KEY and ANTHROPIC_API_KEY those that are set and fit to be sent
  bool for_service = false;       // the file is the one that the systemd unit reads, which has other variables
};

struct init_wishes {
  std::string model;              // stands in for whatever has no better; empty: chosen from what is installed
  std::vector<std::string> keys;  // those of the facts that shall be sent for every caller
  std::string private_workflow;   // a local_only workflow of this name; empty: only an example, commented out
};

/// What nobody has to be asked for.
init_wishes usual_wishes(const init_facts& facts);

/// Local models that generate text, best first.
std::vector<std::string> usable_models(const policy::local_catalog& catalog);

/// What stands in for what, as far as something fitting is installed.
std::vector<config::model_rule> rules_for(const init_facts& facts, const init_wishes& wishes);

/// The file. `tideover check` accepts it.
std::string configuration_text(const init_facts& facts, const init_wishes& wishes);

/// Sentences and commands, in the order in which they are wanted; `option` is ` --config FILE` or nothing.
std::vector<std::string> next_steps(const init_facts& facts, const init_wishes& wishes, const std::string& option);

}  // namespace tideover::app
