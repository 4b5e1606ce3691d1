#include "tideover/adapt/model_list.hpp"

#include <gtest/gtest.h>

namespace tideover::adapt {
namespace {

std::vector<listed_model> const two = {{"llama3.1:8b", 1755800000}, {"phi4:14b", 0}};

TEST(ModelList, SpeaksOpenAi) {
  EXPECT_EQ(write_model_list(two, false),
            R"({"object":"list","data":[{"id":"llama3.1:8b","object":"model","created":1755800000,"owned_by":"local"},)"
            R"({"id":"phi4:14b","object":"model","created":0,"owned_by":"local"}]})");
  EXPECT_EQ(write_model_list({}, false), R"({"object":"list","data":[]})");
  EXPECT_EQ(write_model(two[0], false),
            R"({"id":"llama3.1:8b","object":"model","created":1755800000,"owned_by":"local"})");
}

TEST(ModelList, SpeaksAnthropic) {
  EXPECT_EQ(write_model_list(two, true),
            R"({"data":[{"type":"model","id":"llama3.1:8b","display_name":"llama3.1:8b",)"
            R"("created_at":"2025-08-21T18:13:20Z"},{"type":"model","id":"phi4:14b","display_name":"phi4:14b",)"
            R"("created_at":"1970-01-01T00:00:00Z"}],"has_more":false,"first_id":"llama3.1:8b","last_id":"phi4:14b"})");
  EXPECT_EQ(write_model_list({}, true), R"({"data":[],"has_more":false,"first_id":null,"last_id":null})");
  EXPECT_EQ(write_model(two[1], true),
            R"({"type":"model","id":"phi4:14b","display_name":"phi4:14b","created_at":"1970-01-01T00:00:00Z"})");
}

TEST(ModelList, OddNamesAndTimesStayValidJson) {
  EXPECT_EQ(write_model({"a\"b\n\xff", INT64_MAX}, true),
            "{\"type\":\"model\",\"id\":\"a\\\"b\\n\xef\xbf\xbd\",\"display_name\":\"a\\\"b\\n\xef\xbf\xbd\","
            "\"created_at\":\"9999-12-31T23:59:59Z\"}");
  EXPECT_NE(write_model({"a", INT64_MIN}, true).find("1970-01-01T00:00:00Z"), std::string::npos);
}

}  // namespace
}  // namespace tideover::adapt
