// An ordinary program with the Java client of OpenSearch; it knows nothing of gateways.

import jakarta.json.stream.JsonGenerator;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.hc.core5.http.HttpHost;
import org.opensearch.client.json.JsonData;
import org.opensearch.client.json.JsonpSerializable;
import org.opensearch.client.json.jackson.JacksonJsonpMapper;
import org.opensearch.client.opensearch.OpenSearchClient;
import org.opensearch.client.opensearch._types.FieldValue;
import org.opensearch.client.opensearch._types.OpenSearchException;
import org.opensearch.client.opensearch._types.Refresh;
import org.opensearch.client.opensearch._types.Time;
import org.opensearch.client.opensearch._types.query_dsl.Query;
import org.opensearch.client.opensearch.core.MsearchResponse;
import org.opensearch.client.opensearch.core.SearchResponse;
import org.opensearch.client.opensearch.core.search.Hit;
import org.opensearch.client.transport.OpenSearchTransport;
import org.opensearch.client.transport.httpclient5.ApacheHttpClient5TransportBuilder;

import com.fasterxml.jackson.databind.ObjectMapper;

public class Search {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final JacksonJsonpMapper MAPPER = new JacksonJsonpMapper();

    public static void main(String[] arguments) throws Exception {
        String url = arguments[0], index = arguments[1];
        OpenSearchTransport transport = ApacheHttpClient5TransportBuilder
                .builder(HttpHost.create(url)).setMapper(MAPPER).build();
        OpenSearchClient client = new OpenSearchClient(transport);
        Query text = Query.of(q -> q.match(m -> m.field("text").query(FieldValue.of("fresh salted bread"))));
        Query filtered = Query.of(q -> q.bool(b -> b
                .must(text).filter(f -> f.range(r -> r.field("year").gte(JsonData.of(1995))))));

        Time minute = Time.of(t -> t.time("1m"));

        SearchResponse<Map> found = client.search(s -> s.index(index).query(filtered).size(20)
                .aggregations("langs", a -> a.terms(t -> t.field("lang")))
                .highlight(h -> h.fields("text", f -> f)), Map.class);
        MsearchResponse<Map> several = client.msearch(m -> m
                .searches(i -> i.header(h -> h.index(index)).body(b -> b.query(text)))
                .searches(i -> i.header(h -> h.index(index)).body(b -> b.query(filtered).size(0))), Map.class);
        long count = client.count(c -> c.index(index).query(text)).count();
        List<String> paged = new ArrayList<>();
        SearchResponse<Map> first = client.search(s -> s.index(index).query(text).size(9).scroll(minute), Map.class);
        List<Hit<Map>> page = first.hits().hits();
        while (!page.isEmpty()) {
            page.forEach(hit -> paged.add(hit.id()));
            page = client.scroll(s -> s.scrollId(first.scrollId()).scroll(minute), Map.class).hits().hits();
        }
        client.clearScroll(c -> c.scrollId(first.scrollId()));
        client.index(i -> i.index(index).id("stock").refresh(Refresh.True)
                .document(Map.of("text", "written by a stock client", "year", 2001)));
        Map<?, ?> got = client.get(g -> g.index(index).id("stock").sourceIncludes("text", "year"), Map.class).source();
        int refused = 0;
        try {
            client.search(s -> s.index(index).query(q -> q.bool(b -> b.must(text).filter(
                    f -> f.range(r -> r.field("year").gte(JsonData.of("soon")))))), Map.class);
        } catch (OpenSearchException error) {
            refused = error.status();
        }

        Map<String, Object> same = Map.of(
                "total", found.hits().total().value(),
                "aggregations", found.aggregations().get("langs").sterms().buckets().array().stream()
                        .map(bucket -> List.of(bucket.key(), bucket.docCount())).toList(),
                "totals", several.responses().stream().map(each -> each.result().hits().total().value()).toList(),
                "count", count, "paged", paged.stream().sorted().toList(), "got", new java.util.TreeMap<>(got), "refused", refused);
        Map<String, Object> said = Map.of(
                "ids", found.hits().hits().stream().map(hit -> hit.id()).toList(),
                "shown", found.hits().hits().stream()
                        .collect(Collectors.toMap(hit -> hit.id(), hit -> hit.highlight().get("text"))),
                "same", same, "answers", Map.of("search", told(found), "several", told(several)));
        System.out.println(JSON.writeValueAsString(said));
        transport.close();
    }

    private static Map<?, ?> told(JsonpSerializable answer) throws Exception {
        StringWriter written = new StringWriter();
        try (JsonGenerator generator = MAPPER.jsonProvider().createGenerator(written)) {
            answer.serialize(generator, MAPPER);
        }
        return JSON.readValue(written.toString(), Map.class);
    }
}
