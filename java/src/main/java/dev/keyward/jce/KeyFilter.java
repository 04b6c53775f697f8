package dev.keyward.jce;

import java.security.KeyStore;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Which entries a KeyStore shows: those that pass every condition given. It is what the KeyStore is
 * loaded from.
 *
 * <pre>{@code
 * KeyStore keys = KeyStore.getInstance("Keyward");
 * keys.load(KeyFilter.all().withAliases("web", "api-*").ofTypes("p-*").usableFor(KeyRight.SIGN));
 * }</pre>
 *
 * <p>In aliases, types and owners {@code *} stands for any characters. A certificate that is kept
 * without a key has the type {@code certificate}: {@code KeyFilter.all().ofTypes("certificate")}
 * makes a trust store that holds what its owner has put there, and no key's certificate. Objects
 * are immutable; each method gives another one.
 */
public final class KeyFilter implements KeyStore.LoadStoreParameter {
    /** What a certificate without a key has in place of a key's type. */
    private static final String CERTIFICATE = "certificate";
    private static final KeyFilter ALL = new KeyFilter(null, null, null,
        Collections.unmodifiableSet(EnumSet.noneOf(KeyRight.class)));

    private final List<Pattern> aliases;
    private final List<Pattern> types;
    private final List<Pattern> owners;
    private final Set<KeyRight> uses;

    private KeyFilter(List<Pattern> aliases, List<Pattern> types, List<Pattern> owners,
            Set<KeyRight> uses) {
        this.aliases = aliases;
        this.types = types;
        this.owners = owners;
        this.uses = uses;
    }

    /** Every key that the caller may see, and his certificates without a key. */
    public static KeyFilter all() {
        return ALL;
    }

    /** Of those the ones with such an alias. */
    public KeyFilter withAliases(String... patterns) {
        return new KeyFilter(compiled(patterns), types, owners, uses);
    }

    /**
     * Of those the ones of such a type, by Keyward's names: {@code rsa-*}, {@code p-256}, {@code
     * certificate}.
     */
    public KeyFilter ofTypes(String... patterns) {
        return new KeyFilter(aliases, compiled(patterns), owners, uses);
    }

    /** Of those the ones that such a user owns. */
    public KeyFilter ownedBy(String... patterns) {
        return new KeyFilter(aliases, types, compiled(patterns), uses);
    }

    /** Of those the keys that the caller may use for all of this. */
    public KeyFilter usableFor(KeyRight first, KeyRight... more) {
        return new KeyFilter(aliases, types, owners,
            Collections.unmodifiableSet(EnumSet.of(first, more)));
    }

    /** Always null: no entry of the service wants a password. */
    @Override
    public KeyStore.ProtectionParameter getProtectionParameter() {
        return null;
    }

    /** Whether keys of this alias could be shown. */
    boolean admits(String alias) {
        return matches(aliases, alias);
    }

    /** Whether this key is shown under this alias. */
    boolean admits(String alias, KeyInfo key) {
        return admits(alias) && matches(types, key.type()) && matches(owners, key.owner())
            && key.uses().containsAll(uses);
    }

    /** Whether this certificate is shown. */
    boolean admits(KeptCertificate certificate) {
        return admitsCertificate(certificate.name(), certificate.owner());
    }

    /** Whether a certificate without a key is shown that has this alias and owner. */
    boolean admitsCertificate(String alias, String owner) {
        return admits(alias) && matches(types, CERTIFICATE) && matches(owners, owner)
            && uses.isEmpty();
    }

    /** The filter for comma lists, as in a key store file; null shows everything. */
    static KeyFilter ofLists(String aliases, String types) {
        KeyFilter named = aliases == null ? ALL : ALL.withAliases(split(aliases));
        return types == null ? named : named.ofTypes(split(types));
    }

    private static String[] split(String list) {
        return Arrays.stream(list.split(",")).map(String::strip)
            .filter(name -> !name.isEmpty()).toArray(String[]::new);
    }

    private static boolean matches(List<Pattern> patterns, String text) {
        return patterns == null
            || patterns.stream().anyMatch(pattern -> pattern.matcher(text).matches());
    }

    private static List<Pattern> compiled(String[] patterns) {
        return Arrays.stream(patterns).map(KeyFilter::compiled).toList();
    }

    private static Pattern compiled(String pattern) {
        return Pattern.compile(String.join(".*",
            Arrays.stream(pattern.split("\\*", -1)).map(Pattern::quote).toList()));
    }
}
