# Runs the browser tests, or says what is missing. cmake -DTIDEOVER_BIN=… -P run.cmake
find_program(node NAMES node nodejs)
if(NOT node)
  message(FATAL_ERROR "The browser tests need Node.js 18 or newer, and there is none in PATH. Run scripts/setup.")
endif()
file(GLOB tests ${CMAKE_CURRENT_LIST_DIR}/*.test.js)
execute_process(COMMAND ${CMAKE_COMMAND} -E env TIDEOVER_BIN=${TIDEOVER_BIN} ${node} --test --test-reporter=tap ${tests}
                WORKING_DIRECTORY ${CMAKE_CURRENT_LIST_DIR} RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "browser tests failed")
endif()
