package csplade.tests;

import java.io.IOException;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.elasticsearch.action.ActionListener;
import org.elasticsearch.action.search.SearchResponse;
import org.elasticsearch.action.search.TransportSearchAction;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.cluster.metadata.IndexNameExpressionResolver;
import org.elasticsearch.cluster.node.DiscoveryNodes;
import org.elasticsearch.common.io.stream.NamedWriteableRegistry;
import org.elasticsearch.common.settings.ClusterSettings;
import org.elasticsearch.common.settings.IndexScopedSettings;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.common.settings.SettingsFilter;
import org.elasticsearch.core.TimeValue;
import org.elasticsearch.features.NodeFeature;
import org.elasticsearch.plugins.ActionPlugin;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.rest.BaseRestHandler;
import org.elasticsearch.rest.RestController;
import org.elasticsearch.rest.RestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestResponse;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.rest.action.RestRefCountedChunkedToXContentListener;
import org.elasticsearch.rest.action.search.RestSearchAction;
import org.elasticsearch.xpack.core.search.action.AsyncSearchResponse;
import org.elasticsearch.xpack.core.search.action.SubmitAsyncSearchRequest;

/**
 * Asynchronous searches for an archive of Elasticsearch that lacks the module for them: it has the classes that read such
 * a request, search, and write the answer, which are used here. Results are kept in memory until they are dropped.
 */
public final class AsyncSearchModule extends Plugin implements ActionPlugin {
    private static final long DAYS = 5L * 24 * 60 * 60 * 1000;
    private final Map<String, AsyncSearchResponse> kept = new ConcurrentHashMap<>();

    @Override
    public Collection<RestHandler> getRestHandlers(
        Settings settings,
        NamedWriteableRegistry registry,
        RestController controller,
        ClusterSettings clusterSettings,
        IndexScopedSettings indexSettings,
        SettingsFilter filter,
        IndexNameExpressionResolver resolver,
        Supplier<DiscoveryNodes> nodes,
        Predicate<NodeFeature> features
    ) {
        return List.of(new Submit(features), new Get(), new Delete());
    }

    private static AsyncSearchResponse answer(String id, SearchResponse found, Exception error, long begun) {
        return new AsyncSearchResponse(id, found, error, found == null, found == null && error == null, begun, begun + DAYS);
    }

    private final class Submit extends BaseRestHandler {
        private final Predicate<NodeFeature> features;

        Submit(Predicate<NodeFeature> features) {
            this.features = features;
        }

        @Override
        public String getName() {
            return "async_search_submit";
        }

        @Override
        public List<Route> routes() {
            return List.of(
                new Route(RestRequest.Method.POST, "/_async_search"),
                new Route(RestRequest.Method.POST, "/{index}/_async_search")
            );
        }

        @Override
        protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) throws IOException {
            SubmitAsyncSearchRequest asked = new SubmitAsyncSearchRequest();
            var search = asked.getSearchRequest();
            request.withContentOrSourceParamParserOrNull(
                parser -> RestSearchAction.parseSearchRequest(search, request, parser, features, search.source()::size)
            );
            TimeValue wait = request.paramAsTime("wait_for_completion_timeout", asked.getWaitForCompletionTimeout());
            boolean keep = request.paramAsBoolean("keep_on_completion", asked.isKeepOnCompletion()) || wait.millis() == 0;
            request.paramAsTime("keep_alive", asked.getKeepAlive());
            String id = keep ? UUID.randomUUID().toString() : null;
            long begun = System.currentTimeMillis();
            return channel -> {
                var listener = new RestRefCountedChunkedToXContentListener<AsyncSearchResponse>(channel);
                if (wait.millis() == 0) {
                    kept.put(id, answer(id, null, null, begun));
                    listener.onResponse(answer(id, null, null, begun));
                }
                client.execute(TransportSearchAction.TYPE, search, new ActionListener<>() {
                    @Override
                    public void onResponse(SearchResponse found) {
                        if (keep) {
                            kept.put(id, answer(id, found, null, begun));
                        }
                        if (wait.millis() > 0) {
                            ActionListener.respondAndRelease(listener, answer(id, found, null, begun));
                        }
                    }

                    @Override
                    public void onFailure(Exception error) {
                        if (wait.millis() > 0) {
                            listener.onFailure(error);
                        } else {
                            kept.put(id, answer(id, null, error, begun));
                        }
                    }
                });
            };
        }
    }

    private final class Get extends BaseRestHandler {
        @Override
        public String getName() {
            return "async_search_get";
        }

        @Override
        public List<Route> routes() {
            return List.of(new Route(RestRequest.Method.GET, "/_async_search/{id}"));
        }

        @Override
        protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) {
            AsyncSearchResponse found = kept.get(request.param("id"));
            return channel -> {
                if (found == null) {
                    channel.sendResponse(new RestResponse(RestStatus.NOT_FOUND, "text/plain", "no such search"));
                } else {
                    new RestRefCountedChunkedToXContentListener<AsyncSearchResponse>(channel).onResponse(found);
                }
            };
        }
    }

    private final class Delete extends BaseRestHandler {
        @Override
        public String getName() {
            return "async_search_delete";
        }

        @Override
        public List<Route> routes() {
            return List.of(new Route(RestRequest.Method.DELETE, "/_async_search/{id}"));
        }

        @Override
        protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) {
            boolean gone = kept.remove(request.param("id")) == null;
            return channel -> channel.sendResponse(
                gone
                    ? new RestResponse(RestStatus.NOT_FOUND, "text/plain", "no such search")
                    : new RestResponse(RestStatus.OK, "application/json", "{\"acknowledged\":true}")
            );
        }
    }
}
