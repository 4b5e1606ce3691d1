# Runs the SDK tests, or says what is missing. Looked at when the tests run, so that installing the SDKs later is enough.
#   cmake -DTIDEOVER_BIN=… -P run.cmake
set(folder ${CMAKE_CURRENT_LIST_DIR})
find_program(node NAMES node nodejs)
if(NOT node)
  message(FATAL_ERROR "The SDK tests need Node.js 18 or newer, and there is none in PATH. Run scripts/setup.")
endif()
execute_process(COMMAND ${node} --version OUTPUT_VARIABLE version OUTPUT_STRIP_TRAILING_WHITESPACE)
string(REGEX REPLACE "^v" "" version "${version}")
if(version VERSION_LESS 18)
  message(FATAL_ERROR "The SDK tests need Node.js 18 or newer, and ${node} is ${version}. Run scripts/setup.")
endif()
# npm writes this file last: it is there after a complete install only, and an older one is of other versions.
set(installed ${folder}/node_modules/.package-lock.json)
if(NOT EXISTS ${installed} OR ${folder}/package-lock.json IS_NEWER_THAN ${installed})
  message(FATAL_ERROR "The vendors' SDKs are not installed in tests/sdk, or not in the versions of its "
                      "package-lock.json. Run scripts/setup (or: cd tests/sdk && npm ci).")
endif()
file(GLOB tests ${folder}/*.test.js)
# The environment of whoever runs the tests may name base URLs and keys that the SDKs would pick up.
execute_process(
  COMMAND ${CMAKE_COMMAND} -E env --unset=OPENAI_BASE_URL --unset=OPENAI_API_KEY --unset=OPENAI_ORG_ID
          --unset=OPENAI_PROJECT_ID --unset=ANTHROPIC_BASE_URL --unset=ANTHROPIC_API_KEY --unset=ANTHROPIC_AUTH_TOKEN
          --unset=OLLAMA_HOST --unset=http_proxy --unset=https_proxy --unset=HTTP_PROXY --unset=HTTPS_PROXY
          TIDEOVER_BIN=${TIDEOVER_BIN} ${node} --test --test-reporter=tap ${tests}
  WORKING_DIRECTORY ${folder} RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "SDK tests failed")
endif()
