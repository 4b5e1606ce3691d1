# Helpers that give every target of the project the same language, warnings and sanitizers.

function(tideover_target_defaults target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                         -Wnon-virtual-dtor -Wimplicit-fallthrough)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # Optimising, GCC 12 sees an overlap in `"literal" + std::string` that is not there (GCC bug 105651).
    target_compile_options(${target} PRIVATE $<$<NOT:$<CONFIG:Debug>>:-Wno-restrict>)
  endif()
  if(TIDEOVER_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(TIDEOVER_SANITIZE)
    target_compile_options(${target} PUBLIC -fsanitize=${TIDEOVER_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${TIDEOVER_SANITIZE})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND TIDEOVER_SANITIZE MATCHES "undefined")
      # A report ends the program, so that no test can pass over it.
      target_compile_options(${target} PUBLIC -fno-sanitize-recover=all)
    endif()
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      # Instrumented code makes GCC suspect std::optional of reading what it has not set.
      target_compile_options(${target} PUBLIC -Wno-maybe-uninitialized)
    endif()
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND TIDEOVER_SANITIZE MATCHES "thread")
      # Asio's fences are not understood by the thread sanitizer; GCC warns about each of them.
      target_compile_options(${target} PUBLIC -Wno-tsan)
    endif()
  endif()
endfunction()

# tideover_library(name SOURCES … LIBS …): one layer of the house.
function(tideover_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(${name} PUBLIC ${ARG_LIBS})
  tideover_target_defaults(${name})
endfunction()

# tideover_test(name LABEL unit|simulation|component|integration|fault LIBS … SOURCES …): one test program.
function(tideover_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SOURCES;LIBS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(TIDEOVER_SANITIZE)
    math(EXPR ARG_TIMEOUT "${ARG_TIMEOUT} * 5")
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE TIDEOVER_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  tideover_target_defaults(${name})
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
endfunction()
