package dev.keyward.jce;

import java.security.InvalidParameterException;
import java.security.Provider;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** One service of the provider; it makes its objects without reflection. */
final class KeywardService extends Provider.Service {
    private final Supplier<Object> maker;

    KeywardService(Provider provider, String type, String algorithm, Class<?> spi,
            List<String> aliases, Map<String, String> attributes, Supplier<Object> maker) {
        super(provider, type, algorithm, spi.getName(), aliases, attributes);
        this.maker = maker;
    }

    @Override
    public Object newInstance(Object parameter) {
        if (parameter != null) {
            throw new InvalidParameterException(getType() + " takes no parameter");
        }
        return maker.get();
    }
}
