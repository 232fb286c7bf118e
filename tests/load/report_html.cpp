#include "tests/load/report.hpp"
#include "tests/load/report_parts.hpp"

namespace trunkline::load {

std::string to_html(const Options& options, const Report& report) {
    std::string json = to_json_with_histogram(options, report);
    for (std::size_t at = 0; (at = json.find("</", at)) != json.npos; at += 3) json.insert(at + 1, "\\");
    std::string page =
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>trunkline-load</title>\n<style>";
    page.append(kChartStyle).append(kReportStyle);
    page += "</style></head><body>\n<script type=\"application/json\" id=\"data\">" + json + "</script>\n<script>";
    page.append(kChartScript).append("</script>\n<script>").append(kReportScript);
    return page + "</script>\n</body></html>\n";
}

}  // namespace trunkline::load
