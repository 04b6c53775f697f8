package dev.keyward.jce;

import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Pattern;

/** Which aliases a key store file shows: a comma list of names, {@code *} for any characters. */
record AliasFilter(List<Pattern> patterns) implements Predicate<String> {
    /** Reads the list; null shows everything. */
    static AliasFilter of(String list) {
        if (list == null) {
            return new AliasFilter(List.of(Pattern.compile(".*")));
        }
        return new AliasFilter(Arrays.stream(list.split(",")).map(String::strip)
            .filter(name -> !name.isEmpty()).map(AliasFilter::pattern).toList());
    }

    @Override
    public boolean test(String alias) {
        return patterns.stream().anyMatch(pattern -> pattern.matcher(alias).matches());
    }

    private static Pattern pattern(String name) {
        String[] literals = name.split("\\*", -1);
        return Pattern.compile(String.join(".*",
            Arrays.stream(literals).map(Pattern::quote).toList()));
    }
}
