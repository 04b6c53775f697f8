package dev.keyward.jce;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads settings: lines {@code name = value}, the value in quotes or not, {@code #} before a
 * comment; or the same on one line with commas between. What names there are, the native library
 * knows.
 */
final class Settings {
    private static final Pattern LINE =
        Pattern.compile("([A-Za-z_]+)\\s*=\\s*(?:\"([^\"]*)\"|'([^']*)'|([^\"'#]*?))\\s*(?:#.*)?");
    /** A comma that another setting follows; others are part of a value (lists of addresses). */
    private static final Pattern NEXT = Pattern.compile("\\s*,\\s*(?=[A-Za-z_]+\\s*=)");

    /** Settings on one line, or the name of a file with them. */
    static Map<String, String> ofArgument(String argument) throws IOException {
        Map<String, String> settings = new LinkedHashMap<>();
        String[] parts = NEXT.split(argument.strip());
        if (!LINE.matcher(parts[0]).matches()) {
            return ofFile(Path.of(argument.strip()));
        }
        for (String part : parts) {
            add(settings, part, "the provider's argument");
        }
        return settings;
    }

    /** The settings in a stream. */
    static Map<String, String> ofStream(InputStream stream, String where) throws IOException {
        Map<String, String> settings = new LinkedHashMap<>();
        BufferedReader lines =
            new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8));
        int number = 0;
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            number++;
            String text = line.strip();
            if (!text.isEmpty() && !text.startsWith("#")) {
                add(settings, text, where + ", line " + number);
            }
        }
        return settings;
    }

    private static Map<String, String> ofFile(Path file) throws IOException {
        try (InputStream stream = Files.newInputStream(file)) {
            return ofStream(stream, file.toString());
        }
    }

    private static void add(Map<String, String> settings, String text, String where)
            throws IOException {
        Matcher matcher = LINE.matcher(text);
        if (!matcher.matches()) {
            throw new IOException(where + " is no setting: write name = \"value\"");
        }
        for (int group = 2; group <= matcher.groupCount(); group++) {
            if (matcher.group(group) != null
                    && settings.put(matcher.group(1), matcher.group(group)) != null) {
                throw new IOException(where + ": " + matcher.group(1) + " is set twice");
            }
        }
    }

    private Settings() {}
}
