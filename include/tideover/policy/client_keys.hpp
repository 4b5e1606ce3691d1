// Does a caller present one of the house's own keys (`clients`), which, and what may be asked for with it?
// Not for clouds' keys: whether those are good is the cloud's affair. Pure; rates and guesses are proxy/client_gate's.
#pragma once

#include <cstdint>
#include <string_view>

#include "tideover/config/snapshot.hpp"
#include "tideover/core/http_message.hpp"

namespace tideover::policy {

enum class key_verdict : std::uint8_t {
  not_asked,  // no key of the house was presented, and none is needed
  known,      // one of the house's
  missing,    // one is needed and none was presented
  wrong,      // one is needed, and what was presented is none, or is more than one
};

struct presented_key {
  key_verdict verdict = key_verdict::not_asked;
  const config::client_key* key = nullptr;  // for `known`
};

/// Keys stand in Authorization (Bearer), x-api-key or api-key, as the vendors' SDKs send them. Several are fine where
/// they are the same: two different ones would let two readers of the request see two different callers.
/// Every key of the configuration is compared, so that time does not tell how near a guess was.
presented_key find_client(const header_fields& fields, const config::clients& clients);

/// Is there a model that the key may not ask for? Not where it has no list, nor where a glob of it takes every name.
bool held_to_models(const config::client_key& key);
/// `model` as the caller wrote it, whatever stands in for it later.
bool may_ask(const config::client_key& key, std::string_view model);

}  // namespace tideover::policy
